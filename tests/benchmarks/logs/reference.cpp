// A native reader of CloudTrail trees, to compare the engine with: libdeflate unpacks, simdjson parses, a hash table counts.
//
//     reference FOLDER [unpack]
//
// Prints, as one line of JSON, the events, the duplicates and the rows of (account, caller, key, operation, resource, outcome, day);
// with `unpack`, only how many events the unpacked text holds. It names no resource from request parameters, finds no passed roles,
// judges no error codes and stops reading a file at the first thing that it does not expect: a floor, not a reader to use.

#include <libdeflate.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace fs = std::filesystem;
namespace json = simdjson::ondemand;
using std::string;
using std::string_view;

namespace {

struct Id {
    uint64_t high = 0, low = 0;
    bool operator==(const Id&) const = default;
};
struct IdHash {
    size_t operator()(const Id& id) const { return id.high; }
};
struct TextHash {
    using is_transparent = void;
    size_t operator()(string_view text) const { return std::hash<string_view>{}(text); }
};
struct Row {
    uint64_t count = 0;
    string first, last;
};
struct Event {
    string_view account, region, source, name, error, category, type, id, time, resource;
    string_view caller, issuer, caller_type, key, service;
};

string_view text(simdjson::simdjson_result<json::value> value) {
    string_view found;
    return value.get_string().get(found) ? string_view() : found;
}

template <typename Take>
void each_field(simdjson::simdjson_result<json::value> value, Take take) {
    json::object object;
    if (value.get_object().get(object)) return;
    for (auto field : object) {
        string_view key;
        if (field.unescaped_key().get(key)) return;
        take(key, field.value());
    }
}

void read_caller(simdjson::simdjson_result<json::value> value, Event& event) {
    each_field(value, [&](string_view key, auto inner) {
        if (key == "arn") event.caller = text(inner);
        else if (key == "type") event.caller_type = text(inner);
        else if (key == "accessKeyId") event.key = text(inner);
        else if (key == "invokedBy") event.service = text(inner);
        else if (key == "sessionContext")
            each_field(inner, [&](string_view part, auto issuer) {
                if (part == "sessionIssuer")
                    each_field(issuer, [&](string_view name, auto arn) {
                        if (name == "arn") event.issuer = text(arn);
                    });
            });
    });
}

void read_resource(simdjson::simdjson_result<json::value> value, Event& event) {
    json::array entries;
    if (value.get_array().get(entries)) return;
    for (auto entry : entries)
        each_field(entry, [&](string_view key, auto arn) {
            if (key == "ARN" && event.resource.empty()) event.resource = text(arn);
        });
}

Event read_event(simdjson::simdjson_result<json::value> record) {
    Event event;
    each_field(record, [&](string_view key, auto value) {
        if (key == "userIdentity") read_caller(value, event);
        else if (key == "eventTime") event.time = text(value);
        else if (key == "eventSource") event.source = text(value);
        else if (key == "eventName") event.name = text(value);
        else if (key == "awsRegion") event.region = text(value);
        else if (key == "errorCode") event.error = text(value);
        else if (key == "eventID") event.id = text(value);
        else if (key == "resources") read_resource(value, event);
        else if (key == "eventType") event.type = text(value);
        else if (key == "recipientAccountId") event.account = text(value);
        else if (key == "eventCategory") event.category = text(value);
    });
    return event;
}

Id packed(string_view id) {
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
    uint64_t events = 0, duplicates = 0, unread = 0;

    bool unpack(const fs::path& path) {
        std::ifstream stream(path, std::ios::binary);
        stored_.resize(fs::file_size(path));
        if (!stream.read(stored_.data(), static_cast<std::streamsize>(stored_.size()))) return false;
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
            if (result != LIBDEFLATE_SUCCESS) return false;
            at += taken;
            length_ += made;
        }
        return length_ > 0;
    }

    void count_ids() {
        constexpr string_view mark = "\"eventID\"";
        string_view all(text_.data(), length_);
        for (size_t at = 0; (at = all.find(mark, at)) != string_view::npos; at += mark.size()) events++;
    }

    void fold() {
        json::document document;
        json::array records;
        if (parser_.iterate(text_.data(), length_, text_.size()).get(document) ||
            document["Records"].get_array().get(records)) {
            unread++;
            return;
        }
        for (auto record : records) count(read_event(record));
    }

    size_t rows() const { return rows_.size(); }

  private:
    static constexpr size_t kRoom = 1 << 20;

    void count(const Event& event) {
        events++;
        if (!seen_.insert(packed(event.id)).second) {
            duplicates++;
            return;
        }
        const std::array parts{
            event.account, event.issuer.empty() ? event.caller : event.issuer, event.caller_type, event.service,
            event.key.starts_with("AKIA") ? event.key : string_view(), event.source, event.name, event.region,
            event.error, event.category, event.type, event.resource, event.time.substr(0, 10)};
        key_.clear();
        for (string_view part : parts) key_.append(part).push_back('\x1f');
        auto found = rows_.find(string_view(key_));
        if (found == rows_.end()) found = rows_.emplace(key_, Row{0, string(event.time), string(event.time)}).first;
        Row& row = found->second;
        row.count++;
        if (event.time < row.first) row.first = event.time;
        if (event.time > row.last) row.last = event.time;
    }

    libdeflate_decompressor* inflater_ = libdeflate_alloc_decompressor();
    json::parser parser_;
    std::vector<char> stored_, text_ = std::vector<char>(kRoom);
    size_t length_ = 0;
    string key_;
    std::unordered_set<Id, IdHash> seen_;
    std::unordered_map<string, Row, TextHash, std::equal_to<>> rows_;
};

}  // namespace

int main(int count, char** arguments) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(arguments[1])) {
        string path = entry.path().string();
        if (path.ends_with(".json.gz") && path.find("CloudTrail-Digest") == string::npos) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    Reader reader;
    for (const auto& file : files) {
        if (!reader.unpack(file)) reader.unread++;
        else if (count > 2) reader.count_ids();
        else reader.fold();
    }
    std::printf("{\"events\": %lu, \"duplicates\": %lu, \"rows\": %zu, \"unread\": %lu}\n", reader.events,
                reader.duplicates, reader.rows(), reader.unread);
}
