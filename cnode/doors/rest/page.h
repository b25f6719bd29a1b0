#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/body.h"
#include "ops/bounds.h"

namespace muster::doors::rest {

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// A text that is streamed as it is made: GET of one path, beside the operations and with the same
/// tokens. open() gives the text piece by piece, an empty one at its end, or says why not.
struct Page {
  std::string path, content_type;
  ops::Role role;
  std::function<Result<std::unique_ptr<ops::BodySource>>(const Parameters&)> open;
  ops::Subject subject = {};  ///< the parameters by which a bound caller may read it
};

}  // namespace muster::doors::rest
