// A native reader of CloudTrail trees, to compare the engine with: libdeflate unpacks, simdjson parses, hash tables count.
//
//     reference FOLDER TABLES [answer]     TABLES is what reference_tables.py writes
//     reference FOLDER unpack              only how many events the unpacked text holds
//
// Gives the engine's answer: rows with their days, counts, first and last times, sorted; where events were seen; of each file the
// events, the copies and the SHA-256. Prints the sums as one line of JSON, with `answer` the lines of answers.py after it.
// It stops at the first thing that it does not read (broken files, ids that are no UUIDs, shared ids, Bedrock API keys, session
// policies): a floor, not a reader to use.

#include <libdeflate.h>
#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unordered_set>

#include "reference_rules.hpp"

namespace fs = std::filesystem;

namespace {

struct Id {
    uint64_t high = 0, low = 0;
    bool operator==(const Id&) const = default;
};
struct IdHash {
    size_t operator()(const Id& id) const { return id.high; }
};

constexpr size_t kTime = sizeof("2026-11-22T00:00:00Z") - 1;
constexpr char kBetween = '\x1f';

struct Sums {
    uint64_t count = 0;
    std::array<char, kTime> first, last;

    void add(string_view time) {
        if (!count || std::memcmp(time.data(), first.data(), kTime) < 0) std::memcpy(first.data(), time.data(), kTime);
        if (!count || std::memcmp(time.data(), last.data(), kTime) > 0) std::memcpy(last.data(), time.data(), kTime);
        count++;
    }
};
struct User {
    string_view type, principal, arn, account, key, name, service, provider, issuer, issued_to, source_arn, on_behalf, delegate;
    bool delegated = false;
};
struct Event {
    string_view account, region, source, name, error, message, category, type, id, time, parameters, more, resource_type;
    std::vector<string_view> resources;
    User user;
    bool reads = false, unmanaged = false, shared = false;
};
struct File {
    string path, digest;
    uint64_t events = 0, copies = 0;
};

[[noreturn]] void stop(string_view what) {
    std::fprintf(stderr, "the reference does not read %.*s\n", static_cast<int>(what.size()), what.data());
    std::exit(1);
}

void read_user(simdjson::simdjson_result<json::value> value, User& user) {
    each_field(value, [&](string_view key, auto inner) {
        if (key == "type") user.type = text(inner);
        else if (key == "principalId") user.principal = text(inner);
        else if (key == "arn") user.arn = text(inner);
        else if (key == "accountId") user.account = text(inner);
        else if (key == "accessKeyId") user.key = text(inner);
        else if (key == "userName") user.name = text(inner);
        else if (key == "invokedBy") user.service = text(inner);
        else if (key == "identityProvider") user.provider = text(inner);
        else if (key == "sessionContext")
            each_field(inner, [&](string_view part, auto issuer) {
                if (part == "sessionIssuer")
                    each_field(issuer, [&](string_view name, auto arn) {
                        if (name == "arn") user.issuer = text(arn);
                    });
            });
        else if (key == "inScopeOf")
            each_field(inner, [&](string_view part, auto one) {
                if (part == "credentialsIssuedTo") user.issued_to = text(one);
                else if (part == "sourceArn") user.source_arn = text(one);
            });
        else if (key == "onBehalfOf")
            each_field(inner, [&](string_view part, auto one) {
                if (part == "userId") user.on_behalf = text(one);
            });
        else if (key == "invokedByDelegate")
            user.delegated = each_field(inner, [&](string_view part, auto one) {
                if (part == "accountId") user.delegate = text(one);
            });
    });
}

// The type that selectors know a data event by is the object's, not its bucket's.
void read_resources(simdjson::simdjson_result<json::value> value, Event& event) {
    json::array entries;
    if (value.type().value_unsafe() != json::json_type::array || value.get_array().get(entries)) return;
    for (auto entry : entries) {
        string_view type, capital, arn;
        each_field(entry, [&](string_view key, auto one) {
            if (key == "type") type = text(one);
            else if (key == "ARN") capital = text(one);
            else if (key == "arn") arn = text(one);
        });
        if (!capital.empty() || !arn.empty()) event.resources.push_back(capital.empty() ? arn : capital);
        if (event.resource_type.empty() || (event.resource_type.ends_with("Bucket") && !type.empty() && !type.ends_with("Bucket")))
            event.resource_type = type;
    }
}

string_view raw(simdjson::simdjson_result<json::value> value) {
    string_view found;
    json::object object;
    json::array array;
    switch (value.type().value_unsafe()) {
        case json::json_type::object: return value.get_object().get(object) || object.raw_json().get(found) ? "" : found;
        case json::json_type::array: return value.get_array().get(array) || array.raw_json().get(found) ? "" : found;
        default: return "";
    }
}

bool is(simdjson::simdjson_result<json::value> value, bool wanted) {
    bool found = false;
    if (value.type().value_unsafe() == json::json_type::string) return text(value) == (wanted ? "true" : "false");
    return !value.get_bool().get(found) && found == wanted;
}

void read_event(simdjson::simdjson_result<json::value> record, Event& event) {
    each_field(record, [&](string_view key, auto value) {
        if (key == "userIdentity") read_user(value, event.user);
        else if (key == "eventTime") event.time = text(value);
        else if (key == "eventSource") event.source = text(value);
        else if (key == "eventName") event.name = text(value);
        else if (key == "awsRegion") event.region = text(value);
        else if (key == "errorCode") event.error = text(value);
        else if (key == "errorMessage") event.message = text(value);
        else if (key == "requestParameters") event.parameters = raw(value);
        else if (key == "additionalEventData") event.more = raw(value);
        else if (key == "eventID") event.id = text(value);
        else if (key == "readOnly") event.reads = value.type().value_unsafe() == json::json_type::boolean && is(value, true);
        else if (key == "resources") read_resources(value, event);
        else if (key == "eventType") event.type = text(value);
        else if (key == "managementEvent") event.unmanaged = is(value, false);
        else if (key == "recipientAccountId") event.account = text(value);
        else if (key == "sharedEventID") event.shared |= !text(value).empty();
        else if (key == "addendum") event.shared |= !raw(value).empty();
        else if (key == "eventCategory") event.category = text(value);
    });
}

// A role session as its role; only for records without a session issuer.
string canonical(string_view arn) {
    constexpr string_view mark = ":assumed-role/";
    size_t at = arn.find(mark);
    if (at == string_view::npos) return string(arn);
    string_view head = arn.substr(0, at), rest = arn.substr(at + mark.size());
    if (std::count(head.begin(), head.end(), ':') != 4) return string(arn);
    string_view partition = first_part(head.substr(head.find(':') + 1), ':'), account = head.substr(head.rfind(':') + 1);
    return string("arn:").append(partition).append(":iam::").append(account).append(":role/").append(first_part(rest, '/'));
}

string unnamed(const User& user) {
    string account(user.account), name(user.name), type(user.type), named(user.name.empty() ? user.principal : user.name);
    if (type == "AWSAccount" || type == "Unknown") return account.empty() ? "" : "AWSAccount:" + account;
    if (type == "Root") return account.empty() ? "" : "arn:aws:iam::" + account + ":root";
    if (type == "IAMUser")
        return account.empty() || name.empty() || name.starts_with("HIDDEN_DUE_TO") ? "" : "arn:aws:iam::" + account + ":user/" + name;
    if (type == "WebIdentityUser" || type == "SAMLUser") return type + ":" + string(user.provider) + ":" + named;
    if (type == "IdentityCenterUser") return type + ":" + string(user.on_behalf);
    if (type == "Directory") return type + ":" + named;
    return user.service.empty() ? "" : "AWSService:" + string(user.service);
}

string identity_of(const User& user) {
    if ((user.type == "AssumedRole" || user.type == "FederatedUser") && !user.issuer.empty()) return string(user.issuer);
    return !user.arn.empty() && user.type != "AWSService" ? canonical(user.arn) : unnamed(user);
}

Id packed(string_view id) {
    if (id.size() != 36) stop("ids that are no UUIDs");
    Id found;
    int digits = 0;
    for (char letter : id) {
        if (letter == '-') continue;
        uint64_t digit = letter <= '9' ? letter - '0' : (letter | 32) - 'a' + 10;
        uint64_t& half = digits++ < 16 ? found.high : found.low;
        half = half << 4 | digit;
    }
    return found;
}

class Reader {
  public:
    explicit Reader(Rules* rules) : rules_(rules) {}

    uint64_t events = 0, duplicates = 0;

    void unpack(const string& path) {
        std::ifstream stream(path, std::ios::binary);
        stored_.resize(fs::file_size(path));
        if (!stream.read(stored_.data(), static_cast<std::streamsize>(stored_.size()))) stop(path);
        length_ = 0;
        for (size_t at = 0; at < stored_.size();) {
            if (text_.size() < length_ + kRoom) text_.resize(2 * text_.size() + kRoom);
            size_t taken = 0, made = 0;
            auto result = libdeflate_gzip_decompress_ex(
                inflater_, stored_.data() + at, stored_.size() - at, text_.data() + length_,
                text_.size() - length_ - simdjson::SIMDJSON_PADDING, &taken, &made);
            if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
                text_.resize(2 * text_.size());
                continue;
            }
            if (result != LIBDEFLATE_SUCCESS) stop(path);
            at += taken;
            length_ += made;
        }
    }

    void count_ids() {
        constexpr string_view mark = "\"eventID\"";
        string_view all(text_.data(), length_);
        for (size_t at = 0; (at = all.find(mark, at)) != string_view::npos; at += mark.size()) events++;
    }

    void fold(const string& path) {
        json::document document;
        json::array records;
        if (parser_.iterate(text_.data(), length_, text_.size()).get(document) || document["Records"].get_array().get(records)) stop(path);
        files_.push_back({path, digest()});
        for (auto record : records) {
            event_ = Event{.resources = std::move(event_.resources)};
            event_.resources.clear();
            read_event(record, event_);
            if (event_.source.empty() || event_.name.empty()) stop(path);
            count(event_);
        }
    }

    // Puts rows and places in order, as any answer is given.
    void finish() {
        for (const auto& row : rows_) sorted_.push_back(&row);
        std::sort(sorted_.begin(), sorted_.end(), [](auto* one, auto* other) { return one->first < other->first; });
    }
    size_t rows() const { return sorted_.size(); }

    void answer() const {
        auto show = [](const char* part, const auto& key, const Sums& sums) {
            std::printf("%s\x1f%s%lu\x1f%.*s\x1f%.*s\n", part, key.c_str(), sums.count, int(kTime), sums.first.data(), int(kTime), sums.last.data());
        };
        for (auto* row : sorted_) show("row", row->first, row->second);
        std::vector<std::pair<string, Sums>> places(places_.begin(), places_.end());
        std::sort(places.begin(), places.end(), [](const auto& one, const auto& other) { return one.first < other.first; });
        for (const auto& [key, sums] : places) show("seen", key, sums);
        for (const File& file : files_)
            std::printf("file\x1f%s\x1f%lu\x1f%lu\x1f%s\n", file.path.c_str(), file.events, file.copies, file.digest.c_str());
    }

  private:
    static constexpr size_t kRoom = 1 << 20;

    string digest() const {
        unsigned char bytes[EVP_MAX_MD_SIZE];
        EVP_Digest(stored_.data(), stored_.size(), bytes, nullptr, EVP_sha256(), nullptr);
        string found;
        for (int at = 0; at < 32; at++) (found += "0123456789abcdef"[bytes[at] >> 4]) += "0123456789abcdef"[bytes[at] & 15];
        return found;
    }

    template <typename Table, typename... Parts>
    void add(Table& table, string_view time, const Parts&... parts) {
        key_.clear();
        (key_.append(string_view(parts)).push_back(kBetween), ...);
        auto found = table.find(string_view(key_));
        (found == table.end() ? table.emplace(key_, Sums{}).first : found)->second.add(time);
    }

    void count(const Event& event) {
        if (event.time.size() != kTime || event.shared) stop("times of another form and shared ids");
        const User& user = event.user;
        const Operation& operation = rules_->operation(event.source, event.name);
        string_view account = event.account.empty() ? user.account : event.account;
        string_view log_class = !event.category.empty() ? rules_->log_class(event.category) : event.unmanaged ? "data" : "management";
        add(places_, event.time, account, event.region, log_class, log_class == "management" ? string_view() : event.resource_type);
        events++;
        files_.back().events++;
        if (!seen_.insert(packed(event.id)).second) {
            duplicates++;
            files_.back().copies++;
            return;
        }
        if (operation.bearer && (event.more.find("callWithBearerToken") != string_view::npos ||
                                 event.parameters.find("callWithBearerToken") != string_view::npos))
            stop("Bedrock API keys");
        if (operation.sts && event.parameters.find("\"policy") != string_view::npos) stop("session policies");
        Place place{rules_->partition(event.region), event.region, account};
        string resource;
        for (string_view arn : event.resources)
            if (string one = rules_->listed(operation, arn); !one.empty() && (resource.empty() || one < resource)) resource = one;
        if (resource.empty()) resource = rules_->requested(operation, event.parameters, place);
        string_view outcome = rules_->outcome(event.error);
        string detail = detail_of(event);
        string identity = identity_of(user);
        auto row = [&](string_view permission, string_view named) {
            add(rows_, event.time, account, identity, user.type.empty() ? "missing" : user.type,
                user.key.starts_with("AKIA") ? user.key : string_view(), operation_name(event), permission, named, event.region,
                via_of(user), "", outcome, user.issued_to.empty() ? user.source_arn : user.issued_to, detail, event.time.substr(0, 10));
        };
        row("", resource);
        if (!event.reads && operation.passes && outcome != "denied")
            for (const string& role : rules_->passed(event.parameters, place)) row("iam:PassRole", role);
    }

    string operation_name(const Event& event) const { return string(event.source).append(1, ':').append(event.name); }

    static string via_of(const User& user) {
        if (!user.service.empty() && !user.type.empty() && user.type != "AWSService") return string(user.service);
        return user.delegated ? "delegate:" + string(user.delegate) : "";
    }

    static string detail_of(const Event& event) {
        string made = string(event.category).append(1, ':').append(event.type);
        string_view unique = first_part(event.user.principal, ':');
        if (unique.starts_with("AROA") || unique.starts_with("AIDA")) made.append(";id=").append(unique);
        if (!event.error.empty() && event.message.find("session polic") != string_view::npos) made += ";refused-by=session-policy";
        return made;
    }

    Rules* rules_;
    libdeflate_decompressor* inflater_ = libdeflate_alloc_decompressor();
    json::parser parser_;
    std::vector<char> stored_, text_ = std::vector<char>(kRoom);
    size_t length_ = 0;
    Event event_;
    string key_;
    std::unordered_set<Id, IdHash> seen_;
    ByText<Sums> rows_, places_;
    std::vector<const std::pair<const string, Sums>*> sorted_;
    std::vector<File> files_;
};

}  // namespace

int main(int count, char** arguments) {
    std::vector<string> files;
    for (const auto& entry : fs::recursive_directory_iterator(arguments[1])) {
        string path = entry.path().string();
        if (path.ends_with(".json.gz") && path.find("CloudTrail-Digest") == string::npos) files.push_back(path);
    }
    std::sort(files.begin(), files.end());
    bool only_unpack = string_view(arguments[2]) == "unpack";
    std::optional<Rules> rules;
    if (!only_unpack) rules.emplace(arguments[2]);
    Reader reader(rules ? &*rules : nullptr);
    for (const string& file : files) {
        reader.unpack(file);
        if (only_unpack) reader.count_ids();
        else reader.fold(file);
    }
    reader.finish();
    std::printf("{\"events\": %lu, \"duplicates\": %lu, \"rows\": %zu}\n", reader.events, reader.duplicates, reader.rows());
    if (count > 3) reader.answer();
    std::fflush(stdout);
    std::_Exit(0);  // taking the tables down is no part of reading
}
