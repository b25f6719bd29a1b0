#pragma once

/// Tags of the external term format. https://www.erlang.org/doc/apps/erts/erl_ext_dist.html
namespace muster::etf::tag {

enum : unsigned {
  version = 131,
  new_float = 70,
  bit_binary = 77,
  new_pid = 88,
  new_port = 89,
  newer_reference = 90,
  small_integer = 97,
  integer = 98,
  float_text = 99,
  atom_latin1 = 100,
  port = 102,
  pid = 103,
  small_tuple = 104,
  large_tuple = 105,
  nil = 106,
  string = 107,
  list = 108,
  binary = 109,
  small_big = 110,
  large_big = 111,
  new_fun = 112,
  export_fun = 113,
  new_reference = 114,
  small_atom_latin1 = 115,
  map = 116,
  atom_utf8 = 118,
  small_atom_utf8 = 119,
  v4_port = 120,
};

}  // namespace muster::etf::tag
