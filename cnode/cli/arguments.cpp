#include "cli/arguments.h"

#include <boost/algorithm/string/join.hpp>
#include <fstream>
#include <sstream>

#include "ops/base64.h"

namespace muster::cli {
namespace {

Result<std::string> contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  if (!in || !(out << in.rdbuf())) return Error(Errc::bad_request, "cannot read " + path);
  return std::move(out).str();
}

Result<json::value> parse(const std::string& text, const std::string& what) {
  json::error_code ec;
  auto value = json::parse(text, ec);
  if (ec) return Error(Errc::bad_request, what + " is no JSON: " + ec.message());
  return value;
}

const ops::HelpArgument* find(const ops::Help& operation, std::string_view name) {
  for (auto& argument : operation.arguments)
    if (argument.name == name) return &argument;
  return nullptr;
}

std::string as_text(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

/// What a query has of a value: of a list its elements, with commas between.
std::string in_query(const json::value& value) {
  if (!value.is_array()) return as_text(value);
  std::vector<std::string> texts;
  for (auto& element : value.get_array()) texts.push_back(as_text(element));
  return boost::algorithm::join(texts, ",");
}

/// One word into `arguments`.
Result<> take(const ops::Help& operation, const std::string& word, json::object& arguments) {
  auto equals = word.find('=');
  if (equals == std::string::npos || equals == 0)
    return Error(Errc::bad_request, "'" + word + "': wanted key=value, key:=json or @file");
  bool is_json = word[equals - 1] == ':';
  auto key = word.substr(0, equals - is_json);
  auto text = word.substr(equals + 1);
  if (arguments.contains(key)) return Error(Errc::bad_request, "'" + key + "' is given twice");
  if (is_json) {
    TRY(arguments[key], parse(text, key));
    return {};
  }
  auto* argument = find(operation, key);
  bool is_bytes = argument && argument->type == "bytes";
  if (text.starts_with('@')) {
    TRY(text, contents(text.substr(1)));
    if (is_bytes) text = ops::base64_encode(text);
  }
  if (argument && argument->type == "list of text") {  // names=a,b
    json::array list;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) list.push_back(json::value(part));
    arguments[key] = std::move(list);
  } else {
    arguments[key] = text;
  }
  return {};
}

/// Fills ":id" in a path from the arguments, which it takes them out of.
Result<std::string> fill_path(const std::string& path, json::object& arguments) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != ':') {
      out += path[i];
      continue;
    }
    auto end = std::min(path.find('/', i), path.size());
    auto name = path.substr(i + 1, end - i - 1);
    auto* value = arguments.if_contains(name);
    if (!value) return Error(Errc::bad_request, "the argument '" + name + "' is required");
    out += url_encoded(as_text(*value));
    arguments.erase(name);
    i = end - 1;
  }
  return out;
}

}  // namespace

std::string url_encoded(std::string_view text) {
  std::string out;
  for (unsigned char c : text) {
    bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    std::string_view("-._~").find(static_cast<char>(c)) != std::string_view::npos;
    if (is_plain)
      out += static_cast<char>(c);
    else
      out += fmt::format("%{:02X}", c);
  }
  return out;
}

Result<Request> build_request(const ops::Help& operation, const std::vector<std::string>& words) {
  if (operation.path.empty())
    return Error(Errc::unsupported, operation.operation + " can only be called from Erlang");
  Request request{operation.verb, {}, {}, {}};
  json::object arguments;
  std::optional<json::value> whole;
  for (auto& word : words) {
    if (!word.starts_with('@')) {
      TRYV(take(operation, word, arguments));
    } else if (operation.upload) {
      request.upload = word.substr(1);
    } else {
      TRY(auto text, contents(word.substr(1)));
      TRY(auto value, parse(text, word));
      if (auto* object = value.if_object())
        for (auto& pair : *object) arguments[pair.key()] = pair.value();
      else
        whole = std::move(value);
    }
  }
  if (operation.upload && !request.upload)
    return Error(Errc::bad_request, operation.operation + " needs @file");
  TRY(request.target, fill_path(operation.path, arguments));
  if (whole) {
    if (!arguments.empty())
      return Error(Errc::bad_request, "'" + std::string(arguments.begin()->key()) +
                                          "' does not fit beside a file that is no object");
    request.body = json::serialize(*whole);
  } else if (operation.verb == "GET" || operation.verb == "DELETE" || operation.upload) {
    char separator = '?';
    for (auto& pair : arguments) {
      request.target +=
          separator + url_encoded(pair.key()) + '=' + url_encoded(in_query(pair.value()));
      separator = '&';
    }
  } else {
    request.body = json::serialize(arguments);
  }
  return request;
}

Result<std::vector<ops::Help>> parse_help(json::value document) {
  auto help = ops::read<std::vector<ops::Help>>(ops::Input(document));
  if (!help) return std::move(help).error().context("the daemon's table (is it of this version?)");
  return help;
}

}  // namespace muster::cli
