#include "managed_nodes.h"

#include <gtest/gtest.h>

#include "ports.h"

namespace muster::test {

namespace json = boost::json;

json::value ManagedNodes::add(const std::string& name, json::object more) const {
  more["name"] = name;
  auto reply = daemon_.rest("POST", "/api/actions/add-node", more);
  EXPECT_EQ(reply.status, 201) << reply.text;
  return reply.json;
}

json::value ManagedNodes::bring_up(const std::string& name, json::object more) const {
  add(name, std::move(more));
  return wait_for(name, "UP");
}

json::value ManagedNodes::get(const std::string& name) const {
  return daemon_.rest("GET", "/api/topo/nodes/" + name).json;
}

json::value ManagedNodes::wait_for(const std::string& name, const std::string& what) const {
  json::object node;
  auto is_so = [&] {
    node = get(name).as_object();
    return node["state"] == json::value(what) ||
           (node.contains("reason") && node["reason"] == json::value(what));
  };
  EXPECT_TRUE(eventually(is_so, std::chrono::seconds(30)))
      << name << " does not get " << what << ": " << json::serialize(node);
  return node;
}

json::value ManagedNodes::run(json::object request) const {
  auto reply = daemon_.rest("POST", "/api/commands", request);
  EXPECT_EQ(reply.status, 200) << reply.text;
  return reply.json;
}

}  // namespace muster::test
