# cmake -DAGENTS=DIR -DAPPLICATION=FILE.app.src -DOUTPUT=FILE -P embed_agents.cmake: DIR/agents.txt and its beams as the
# table agent_codes(), the application's version as agents_version().
file(STRINGS ${APPLICATION} version REGEX "{vsn, \"")
string(REGEX REPLACE ".*{vsn, \"([^\"]*)\".*" "\\1" version "${version}")
file(STRINGS ${AGENTS}/agents.txt lines)
set(rows "")
foreach(line IN LISTS lines)
  string(REPLACE " " ";" field ${line})
  list(GET field 0 agent)
  list(GET field 2 module)
  list(GET field 3 first)
  list(GET field 4 last)
  list(GET field 5 file)
  if(last STREQUAL "-")
    set(last 9999)
  endif()
  file(READ ${AGENTS}/${file} bytes HEX)
  string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${bytes}")
  string(APPEND rows "    {\"${agent}\"sv, \"${module}\"sv, ${first}, ${last}, \"${bytes}\"sv},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"mesh/agent_code.h\"

namespace muster::mesh {

using namespace std::literals;

std::span<const AgentCode> agent_codes() {
  static constexpr AgentCode table[] = {
${rows}  };
  return table;
}

std::string_view agents_version() {
  return \"${version}\"sv;
}

}  // namespace muster::mesh
")
