#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster::notifications {

/// Cuts text into words just as FTS5's tokenizer `ascii` does: letters and digits of ASCII, in
/// lower case, and every byte beyond ASCII. https://www.sqlite.org/fts5.html#ascii_tokenizer
template <class Each>
void each_word(std::string_view text, std::string& word, Each each) {
  word.clear();
  for (unsigned char c : text) {
    bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80) {
      word.push_back(static_cast<char>(is_upper ? c + ('a' - 'A') : c));
    } else if (!word.empty()) {
      each(word);
      word.clear();
    }
  }
  if (!word.empty()) each(word);
}

/// What a search for `text` looks for: each word once.
std::vector<std::string> words_of(std::string_view text);

}  // namespace muster::notifications
