// The rules of the AWS wing by which an event's resource, outcome and passed roles are told, from the tables of reference_tables.py.

#pragma once

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace json = simdjson::ondemand;
using std::string;
using std::string_view;

struct TextHash {
    using is_transparent = void;
    size_t operator()(string_view text) const { return std::hash<string_view>{}(text); }
};
template <typename Value>
using ByText = std::unordered_map<string, Value, TextHash, std::equal_to<>>;

inline string_view text(simdjson::simdjson_result<json::value> value) {
    string_view found;
    return value.get_string().get(found) ? string_view() : found;
}

template <typename Take>
bool each_field(simdjson::simdjson_result<json::value> value, Take take) {
    json::object object;
    if (value.get_object().get(object)) return false;
    for (auto field : object) {
        string_view key;
        if (field.unescaped_key().get(key)) return false;
        take(key, field.value());
    }
    return true;
}

inline string small(string_view name) {
    string found(name);
    for (char& letter : found)
        if (letter >= 'A' && letter <= 'Z') letter |= 32;
    return found;
}

inline string_view first_part(string_view all, char mark) { return all.substr(0, all.find(mark)); }

// Whether a text consists of letters, digits and some others, as `[\w...]{1,longest}`.
inline bool is_word(string_view all, string_view others, size_t longest) {
    return !all.empty() && all.size() <= longest && std::all_of(all.begin(), all.end(), [&](char one) {
        return isalnum(static_cast<unsigned char>(one)) || one == '_' || others.find(one) != string_view::npos;
    });
}

struct Place {
    string_view partition, region, account;
};

// Fills `{region}` and the like.
inline string filled(string_view form, const Place& place, string_view value = {}, string_view other = {}) {
    string made;
    for (size_t at = 0; at < form.size();) {
        size_t open = form.find('{', at), close = form.find('}', open);
        made += form.substr(at, open - at);
        if (open == string_view::npos) break;
        string_view name = form.substr(open + 1, close - open - 1);
        made += name == "partition" ? place.partition : name == "region" ? place.region : name == "account" ? place.account
              : name == "other"     ? other           : value;
        at = close + 1;
    }
    return made;
}

inline string_view service_of(string_view arn) {
    size_t first = arn.find(':'), second = first == string_view::npos ? first : arn.find(':', first + 1);
    size_t third = second == string_view::npos ? second : arn.find(':', second + 1);
    return third == string_view::npos ? string_view() : arn.substr(second + 1, third - second - 1);
}

// One ARN template of an operation: text between variables, and the parameters that may fill each.
struct Shape {
    std::vector<string> pieces;
    std::vector<std::vector<string>> slots;
    bool small = false;

    template <typename Find>
    string arn(Find value_of, const Place& place) const {
        string made = pieces[0];
        for (size_t at = 0; at < slots.size(); at++) {
            string_view value;
            for (const string& key : slots[at]) {
                string_view one = value_of(key);
                if (one.empty() || one == value) continue;
                if (!value.empty()) return "";
                value = one;
            }
            if (value.starts_with("arn:")) return given(value);
            if (!is_word(value, ".+=@-", 256) || (small && value != ::small(value))) return "";
            (made += value) += pieces[at + 1];
        }
        return place.account.empty() && made.find("{account}") != string::npos ? "" : filled(made, place);
    }

  private:
    string given(string_view value) const {
        string form;
        for (size_t at = 0; at < pieces.size(); at++) (form += at ? "{}" : "") += pieces[at];
        return matches(form, value) ? string(value) : "";
    }
    // `{...}` stands for at least one character that is neither `/` nor `:`.
    static bool matches(string_view form, string_view value) {
        size_t open = form.find('{');
        if (open == string_view::npos) return form == value;
        if (value.substr(0, open) != form.substr(0, open)) return false;
        form.remove_prefix(form.find('}') + 1);
        value.remove_prefix(open);
        for (size_t taken = 0; taken < value.size() && value[taken] != '/' && value[taken] != ':'; taken++)
            if (matches(form, value.substr(taken + 1))) return true;
        return false;
    }
};

// How one request parameter names the resource of a service's operations.
struct Rule {
    string key, with_key, owner_key, otherwise, arn, with_arn, arn_ending, url, without, rest_of_arn;
    bool small = false, limited = false;
    std::vector<string> unless, operations, except;
    std::optional<std::regex> plain, whole, perhaps;

    bool is_for(string_view operation) const {
        auto holds = [&](const auto& names) { return std::find(names.begin(), names.end(), operation) != names.end(); };
        return (!limited || holds(operations)) && !holds(except);
    }

    string named(string_view value, string_view other, string_view owner, Place place, string_view service) const {
        if (value.empty() || (small && value != ::small(value))) return "";
        if (!owner.empty()) place.account = owner;
        for (const string& start : unless)
            if (value.starts_with(start)) return filled(otherwise, place, value);
        return value.starts_with("arn:") ? given(value, other, service) : made(value, other, place);
    }

  private:
    string given(string_view value, string_view other, string_view service) const {
        if (service_of(value) != service) return "";
        if (whole && !std::regex_match(value.begin(), value.end(), *whole))
            return std::regex_match(value.begin(), value.end(), *perhaps) ? "" : string(value) + rest_of_arn;
        bool unqualified = !other.empty() && std::count(value.begin(), value.end(), ':') == 6;
        return string(value) + (unqualified ? filled(arn_ending, {}, {}, other) : "");
    }
    string made(string_view value, string_view other, Place place) const {
        if (plain && !std::regex_match(value.begin(), value.end(), *plain)) return "";
        if (!url.empty()) {
            size_t slash = value.rfind('/');
            if (slash == string_view::npos) return "";
            string_view before = value.substr(0, slash);
            place.account = before.substr(before.rfind('/') + 1);
            return place.account.empty() ? "" : filled(url, place, value.substr(slash + 1));
        }
        if (!other.empty()) return filled(with_arn, place, value, other);
        if (!without.empty() && value.starts_with(without)) value.remove_prefix(without.size());
        return filled(arn, place, value);
    }
};

// What is known of an operation: which request parameters are read, and what is made of them.
struct Operation {
    string source, name, service;
    std::vector<const Rule*> rules;
    const std::vector<Shape>* shapes = nullptr;
    std::vector<string> keys;
    size_t own = 0;
    bool s3 = false, of_object = false, passes = false, bearer = false, sts = false;
};

using Values = std::vector<string>;

class Rules {
  public:
    explicit Rules(const string& path) {
        simdjson::dom::parser parser;
        load(parser.load(path));
    }

    const Operation& operation(string_view source, string_view name) {
        key_.assign(source).append(1, ':').append(name);
        auto found = operations_.find(key_);
        return found == operations_.end() ? operations_.emplace(key_, learnt(source, name)).first->second : found->second;
    }

    string_view outcome(string_view code) const {
        if (code.empty()) return "allowed";
        string folded = small(code);
        for (string_view start : {"client.", "server."})
            if (folded.starts_with(start)) folded.erase(0, start.size());
        if (auto found = outcomes_.find(folded); found != outcomes_.end()) return found->second;
        for (const string& part : denied_)
            if (folded.find(part) != string::npos) return "denied";
        return "error";
    }

    string_view log_class(string_view category) const {
        auto found = classes_.find(category);
        return found == classes_.end() ? category : string_view(found->second);
    }

    string_view partition(string_view region) const {
        for (const auto& [start, name] : partitions_)
            if (region.starts_with(start)) return name;
        return "aws";
    }

    // The resource that an entry of `resources` names.
    string listed(const Operation& operation, string_view arn) const {
        if (arn.size() > kLongest || !arn.starts_with("arn:") || service_of(arn) != operation.service) return "";
        if (!operation.s3) return folded(string(arn));
        return string(first_part(arn, '/')) + (operation.of_object ? "/*" : "");
    }

    // The resource that request parameters name.
    string requested(const Operation& operation, string_view parameters, const Place& place) {
        if (parameters.size() <= kLittle) return "";
        bool ours = read_values(operation, parameters);
        auto any = [&](size_t from, size_t to) {
            return std::any_of(values_.begin() + from, values_.begin() + to, [](const string& one) { return !one.empty(); });
        };
        if (ours && any(0, operation.own)) return written(operation, place);
        if (ours && operation.shapes && any(operation.own, values_.size()))
            if (string made = by_shapes(operation, place); !made.empty()) return folded(made);
        return parameters.find("\"arn:") == string_view::npos ? "" : only_arn(operation, parameters);
    }

    // The roles that request parameters pass on.
    std::set<string> passed(string_view parameters, const Place& place) {
        std::set<string> found;
        if (parameters.find(":role/") == string_view::npos && parameters.find("nstanceProfile") == string_view::npos &&
            parameters.find(":instance-profile/") == string_view::npos)
            return found;
        string profiles;
        if (!place.account.empty()) profiles = filled("arn:{partition}:iam::{account}:instance-profile/", place);
        json::document document;
        if (!open(parameters, document)) search(document.get_value(), "", profiles, 12, found);
        return found;
    }

  private:
    static constexpr size_t kLongest = 2048, kLittle = 9;

    simdjson::error_code open(string_view parameters, json::document& document) {
        return parser_.iterate(parameters.data(), parameters.size(), parameters.size() + simdjson::SIMDJSON_PADDING).get(document);
    }

    template <typename Take>
    void each_parameter(string_view parameters, Take take) {
        json::document document;
        if (!open(parameters, document)) each_field(document.get_value(), take);
    }

    // Reads the values by which an operation names its resource; false where one of a rule is no text.
    bool read_values(const Operation& operation, string_view parameters) {
        values_.assign(operation.keys.size(), "");
        if (operation.keys.empty()) return false;
        bool good = true;
        each_parameter(parameters, [&](string_view key, auto value) {
            for (size_t at = 0; at < operation.keys.size(); at++) {
                if (key != operation.keys[at]) continue;
                switch (value.type().value_unsafe()) {
                    case json::json_type::string: values_[at] = ::text(value); break;
                    case json::json_type::null: values_[at].clear(); break;
                    case json::json_type::number:
                        if (at >= operation.own) {
                            string_view digits = value.value_unsafe().raw_json_token();
                            digits = digits.substr(0, digits.find_last_not_of(" \t\r\n") + 1);
                            bool whole = digits.find_first_of(".eE") == string_view::npos;
                            values_[at] = whole ? digits : string_view();
                            break;
                        }
                        [[fallthrough]];
                    default:
                        good &= at >= operation.own;
                        values_[at].clear();
                }
                return;
            }
        });
        return good;
    }

    string_view value(const Operation& operation, string_view key) const {
        auto found = std::find(operation.keys.begin(), operation.keys.end(), key);
        return found == operation.keys.end() ? string_view() : string_view(values_[found - operation.keys.begin()]);
    }

    string written(const Operation& operation, const Place& place) const {
        if (operation.s3) {
            const string& bucket = values_[0];
            if (bucket.find(':') != string::npos || bucket.size() > kLongest) return "";
            return filled("arn:{partition}:s3:::{value}", place, bucket) + (operation.of_object ? "/*" : "");
        }
        string made;
        for (const Rule* rule : operation.rules) {
            made = rule->named(value(operation, rule->key), value(operation, rule->with_key), value(operation, rule->owner_key),
                               place, operation.service);
            if (!made.empty()) break;
        }
        if (made.empty() && operation.shapes) made = by_shapes(operation, place);
        return made.size() <= kLongest ? folded(made) : "";
    }

    string by_shapes(const Operation& operation, const Place& place) const {
        string found;
        for (const Shape& shape : *operation.shapes) {
            string made = shape.arn([&](string_view key) { return value(operation, key); }, place);
            if (made.empty() || made == found) continue;
            if (!found.empty()) return "";
            found = made;
        }
        return found;
    }

    string only_arn(const Operation& operation, string_view parameters) {
        std::set<string> found;
        each_parameter(parameters, [&](string_view, auto value) {
            if (value.type().value_unsafe() != json::json_type::string) return;
            string_view arn = ::text(value);
            if (arn.starts_with("arn:") && service_of(arn) == operation.service) found.emplace(arn);
        });
        return found.size() == 1 && found.begin()->size() <= kLongest ? folded(*found.begin()) : "";
    }

    // Replaces the name of a one-time run.
    string folded(string arn) const {
        size_t end = 0;
        for (int part = 0; part < 5; part++)
            if ((end = arn.find(':', end + (part > 0))) == string::npos) return arn;
        string_view rest = string_view(arn).substr(end + 1);
        auto found = ephemeral_.find(service_of(arn));
        if (found == ephemeral_.end()) return arn;
        for (const string& start : found->second) {
            if (!rest.starts_with(start)) continue;
            if (start == "log-group:") {
                constexpr string_view mark = ":log-stream:";
                size_t at = arn.find(mark);
                return at == string::npos || at + mark.size() == arn.size() ? arn : arn.substr(0, at + mark.size()) + "*";
            }
            return arn.substr(0, arn.rfind(start.ends_with('/') ? '/' : ':') + 1) + "*";
        }
        return arn;
    }

    static bool is_of_iam(string_view value, string_view kind) {
        if (!value.starts_with("arn:aws")) return false;
        size_t end = value.find(':', 4);
        if (end == string_view::npos) return false;
        string_view rest = value.substr(end);
        for (char one : value.substr(7, end - 7))
            if (one != '-' && (one < 'a' || one > 'z')) return false;
        if (!rest.starts_with(":iam::") || rest.size() < 18 + kind.size()) return false;
        for (char one : rest.substr(6, 12))
            if (one < '0' || one > '9') return false;
        return rest.substr(18).starts_with(kind) && is_word(rest.substr(18 + kind.size()), "+=,.@/-", 576);
    }

    static void search(simdjson::simdjson_result<json::value> value, const string& key, const string& profiles, int depth,
                       std::set<string>& found) {
        switch (value.type().value_unsafe()) {
            case json::json_type::string: {
                string_view one = ::text(value);
                bool role = key.find("role") != string::npos && is_of_iam(one, ":role/");
                if (role || is_of_iam(one, ":instance-profile/")) found.emplace(one);
                else if ((key == "iaminstanceprofile" || key == "iaminstanceprofile.name") && !profiles.empty() &&
                         is_word(one, "+=,.@-", 128))
                    found.insert(profiles + string(one));
                break;
            }
            case json::json_type::object:
                if (depth)
                    each_field(value, [&](string_view name, auto inner) {
                        search(inner, key == "iaminstanceprofile" ? key + "." + small(name) : small(name), profiles, depth - 1, found);
                    });
                break;
            case json::json_type::array:
                if (json::array entries; depth && !value.get_array().get(entries))
                    for (auto entry : entries) search(entry, key, profiles, depth - 1, found);
                break;
            default: break;
        }
    }

    Operation learnt(string_view source, string_view name) const {
        Operation made{string(source), string(name)};
        string service = small(source);
        for (const string& host : hosts_)
            if (service.ends_with(host)) service.erase(service.size() - host.size());
        auto renamed = services_.find(service);
        made.service = renamed == services_.end() ? service : renamed->second;
        auto is_in = [](const auto& names, string_view one) { return std::find(names.begin(), names.end(), one) != names.end(); };
        made.s3 = is_in(s3_, source);
        made.of_object = is_in(objects_, name);
        made.bearer = is_in(bearer_, source);
        made.sts = source == "sts.amazonaws.com";
        made.passes = !is_in(no_passing_, source) &&
                      std::none_of(takes_away_.begin(), takes_away_.end(), [&](const string& start) { return name.starts_with(start); });
        auto add = [&](const string& key) {
            if (!key.empty() && !is_in(made.keys, key)) made.keys.push_back(key);
        };
        if (made.s3) add("bucketName");
        else if (auto rules = rules_.find(source); rules != rules_.end())
            for (const Rule& rule : rules->second) {
                if (!rule.is_for(name)) continue;
                made.rules.push_back(&rule);
                for (const string& key : {rule.key, rule.with_key, rule.owner_key}) add(key);
            }
        made.own = made.keys.size();
        if (auto shapes = shapes_.find(string(source) + ":" + string(name)); shapes != shapes_.end()) {
            made.shapes = &shapes->second;
            for (const Shape& shape : shapes->second)
                for (const auto& slot : shape.slots)
                    for (const string& key : slot) add(key);
        }
        return made;
    }

    using Node = simdjson::dom::element;
    static std::vector<string> texts(simdjson::simdjson_result<Node> node) {
        std::vector<string> found;
        simdjson::dom::array items;
        if (node.get_array().get(items)) return found;
        for (Node item : items) found.emplace_back(string_view(item));
        return found;
    }
    static std::vector<string> texts(Node node) { return texts(simdjson::simdjson_result<Node>(std::move(node))); }
    static ByText<string> names(Node node) {
        ByText<string> found;
        for (auto [key, value] : node.get_object()) found.emplace(key, string_view(value));
        return found;
    }
    static string word(Node node, const char* key) {
        string_view found;
        return node[key].get(found) ? "" : string(found);
    }
    static std::optional<std::regex> pattern(Node node, const char* key) {
        string found = word(node, key);
        return found.empty() ? std::nullopt : std::optional<std::regex>(std::regex(found));
    }

    void load(Node all) {
        hosts_ = texts(all["hosts"]);
        services_ = names(all["services"]);
        s3_ = texts(all["s3"]["sources"]);
        objects_ = texts(all["s3"]["object_operations"]);
        for (auto [service, starts] : all["ephemeral"].get_object()) ephemeral_.emplace(service, texts(starts));
        for (Node pair : all["partitions"].get_array()) {
            auto both = texts(pair);
            partitions_.emplace_back(both[0], both[1]);
        }
        denied_ = texts(all["denied_parts"]);
        outcomes_ = names(all["outcomes"]);
        no_passing_ = texts(all["no_passing"]);
        takes_away_ = texts(all["takes_away"]);
        bearer_ = texts(all["bearer"]);
        classes_ = names(all["log_classes"]);
        for (Node node : all["parameters"].get_array()) rules_[word(node, "source")].push_back(rule(node));
        for (auto [operation, shapes] : all["shapes"].get_object())
            for (Node node : shapes.get_array()) shapes_[string(operation)].push_back(shape(node));
    }
    static Rule rule(Node node) {
        Rule made{word(node, "key"), word(node, "with_key"), word(node, "owner_key"), word(node, "otherwise"), word(node, "arn"),
                  word(node, "with_arn"), word(node, "arn_ending"), word(node, "url"), word(node, "without"), word(node, "rest_of_arn")};
        bool small = false;
        made.small = !node["small_letters"].get(small) && small;
        made.limited = node["operations"].error() == simdjson::SUCCESS;
        made.operations = texts(node["operations"]);
        made.except = texts(node["except"]);
        made.unless = texts(node["unless_prefix"]);
        made.plain = pattern(node, "plain");
        made.whole = pattern(node, "whole_arn");
        made.perhaps = pattern(node, "perhaps_whole_arn");
        return made;
    }
    static Shape shape(Node node) {
        Shape made{texts(node["pieces"])};
        for (Node slot : node["slots"].get_array()) made.slots.push_back(texts(slot));
        made.small = bool(node["small"]);
        return made;
    }

    std::vector<string> hosts_, s3_, objects_, denied_, no_passing_, takes_away_, bearer_;
    ByText<string> services_, outcomes_, classes_;
    ByText<std::vector<string>> ephemeral_;
    std::vector<std::pair<string, string>> partitions_;
    ByText<std::vector<Rule>> rules_;
    ByText<std::vector<Shape>> shapes_;
    ByText<Operation> operations_;
    json::parser parser_;
    Values values_;
    string key_;
};
