#include "services/notifications/words.h"

#include <algorithm>

namespace muster::notifications {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string scratch;
  each_word(text, scratch, [&](const std::string& word) {
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  });
  return words;
}

}  // namespace muster::notifications
