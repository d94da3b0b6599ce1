#include "generate/speculative_step.h"

#include <algorithm>

namespace burin::generate {

std::vector<int32_t> SpeculativeStep::drafts(int left) {
  const int count = std::min(count_, left - 1);
  if (count <= 0 || !sequence_.is_trimmable(count, count + static_cast<int>(waiting().size()))) {
    return {};
  }
  std::vector<int32_t> guesses = drafter_->draft(known_part(ids_), count);
  const int vocab_size = sequence_.model().facts().vocab_size;
  guesses.erase(std::ranges::find_if(guesses, [vocab_size](int32_t id) { return id >= vocab_size; }), guesses.end());
  return guesses;
}

/** The logits behind the newest token and behind each guess. */
mx::array SpeculativeStep::run_with(const std::vector<int32_t>& guesses) {
  if (waiting().size() > 1) {
    chooser_.remember(to_array(waiting().first(waiting().size() - 1)));
  }
  std::vector<int32_t> input(waiting().begin(), waiting().end());
  input.insert(input.end(), guesses.begin(), guesses.end());
  return guesses.empty() ? sequence_.last_logits(to_array(input))
                         : sequence_.logits(to_array(input), static_cast<int>(guesses.size()) + 1);
}

/** The token behind the newest one, whose logits are (1, V). */
Step SpeculativeStep::choose(const mx::array& logits, int left) {
  chooser_.remember(to_array(std::span(ids_).last(1)));
  if (const auto forced = chooser_.forced()) {
    return *forced;
  }
  Pending pending = chooser_.choose(logits, left);
  return chooser_.settle(pending, left);
}

void SpeculativeStep::advance(int left) {
  const std::vector<int32_t> guesses = drafts(left);
  const mx::array rows = run_with(guesses);
  size_t right = 0;
  for (int row = 0; row < rows.shape(0); ++row) {
    const Step step = choose(mx::slice(rows, {row, 0}, {row + 1, rows.shape(1)}), left - row);
    take(step);
    if (right == guesses.size() || guesses[right] != step.id) {
      break;
    }
    ++right;
    if (step.completes) {
      break;
    }
  }
  sequence_.trim(static_cast<int>(guesses.size() - right));
  if (!guesses.empty()) {
    count_ = right == guesses.size() ? std::min(most_, count_ + 2) : std::max(1, count_ - 1);
  }
  draft_tokens_ += static_cast<int>(guesses.size());
  accepted_tokens_ += static_cast<int>(right);
}

}  // namespace burin::generate
