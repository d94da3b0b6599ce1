#include "generate/speculative_step.h"

#include <algorithm>

namespace burin::generate {

bool SpeculativeStep::prefill(std::span<const int32_t> prompt_ids, const PrefillOptions& options) {
  ids_.assign(prompt_ids.begin(), prompt_ids.end());
  chooser_.remember_prompt(prompt_ids);
  return sequence_.prefill(prompt_ids, options);
}

std::vector<int32_t> SpeculativeStep::drafts(int left) {
  const int count = std::min(count_, left - 1);
  if (count <= 0 || !sequence_.is_trimmable(count, count + 1)) {
    return {};
  }
  std::vector<int32_t> guesses = drafter_->draft(known_part(ids_), count);
  const int vocab_size = sequence_.model().facts().vocab_size;
  guesses.erase(std::ranges::find_if(guesses, [vocab_size](int32_t id) { return id >= vocab_size; }), guesses.end());
  return guesses;
}

void SpeculativeStep::advance(int left) {
  const std::vector<int32_t> guesses = drafts(left);
  std::vector<int32_t> input{ids_.back()};
  input.insert(input.end(), guesses.begin(), guesses.end());
  const mx::array ids = to_array(input);
  const mx::array rows = guesses.empty() ? sequence_.last_logits(ids) : sequence_.logits(ids);
  size_t right = 0;
  for (int row = 0; row < rows.shape(0); ++row) {
    chooser_.remember(mx::slice(ids, {row}, {row + 1}));
    Pending pending = chooser_.choose(mx::slice(rows, {row, 0}, {row + 1, rows.shape(1)}), left - row);
    const Step step = chooser_.settle(pending, left - row);
    ready_.push_back(step);
    ids_.push_back(step.id);
    if (right == guesses.size() || guesses[right] != step.id) {
      break;
    }
    ++right;
    if (chooser_.is_finished()) {
      break;
    }
  }
  sequence_.trim(static_cast<int>(guesses.size() - right));
  if (!guesses.empty()) {
    count_ = right == guesses.size() ? std::min(most_, count_ + 2) : std::max(1, count_ - 1);
  }
  draft_tokens_ += static_cast<int>(guesses.size());
  accepted_tokens_ += static_cast<int>(right);
  clear_cache_at(calls_++);
}

Step SpeculativeStep::next(int left) {
  if (ready_.empty()) {
    advance(left);
  }
  const Step step = ready_.front();
  ready_.pop_front();
  return step;
}

void SpeculativeStep::finish() {
  sequence_.set_tokens(ids_);
}

}  // namespace burin::generate
