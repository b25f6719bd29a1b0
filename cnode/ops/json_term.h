#pragma once

#include <boost/json.hpp>

#include "etf/term.h"
#include "etf/utf8.h"

namespace muster::ops {

namespace json = boost::json;

/// The generic mapping for free-form values, whose shape no struct describes.
///
/// JSON to Erlang: text is a binary, an object a map with binary keys, null the atom null.
/// {"$map": [[Key, Value], …]} is a map with keys of any kind, where they differ.
etf::Term term_of(const json::value& value);

/// Erlang to JSON: true, false, null and undefined are what they say, other atoms text; a binary
/// is text where it is UTF-8, else {"base64": …}; a list of printable characters is text, another
/// list an array; a tuple is an array; pids, references, funs, long integers and improper lists are
/// text as a shell prints them; a map's keys become text. Where two keys of a map would be the same
/// text (#{a => 1, <<"a">> => 2}) the map is {"$map": [["a", 1], ["a", 2]]}, in the order of the
/// term, so that nothing is lost; and so is a map whose only key is "$map".
json::value json_of(const etf::Term& term);

/// About how many bytes of memory this value holds, itself included.
std::size_t weight(const json::value& value);

using etf::is_utf8;

}  // namespace muster::ops
