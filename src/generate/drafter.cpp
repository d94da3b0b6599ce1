#include "generate/drafter.h"

#include <algorithm>

namespace burin::generate {
namespace {

class ModelDrafter : public Drafter {
 public:
  ModelDrafter(Sequence& sequence, PrefillOptions options) : sequence_(sequence), options_(std::move(options)) {
    options_.on_progress = nullptr;  // the target's prefill is the one that is shown
  }

  std::vector<int32_t> draft(std::span<const int32_t> context, int count) override {
    std::vector<int32_t> ids(context.begin(), context.end());
    const models::ModelFacts& facts = sequence_.model().facts();
    const bool full = facts.context_size > 0 && context.size() + count > static_cast<size_t>(facts.context_size);
    if (full || !sequence_.prefill(context, options_)) {
      return {};
    }
    while (static_cast<int>(ids.size() - context.size()) < count) {
      mx::array next = mx::astype(mx::argmax(sequence_.last_logits(to_array(std::span(ids).last(1))), -1), mx::int32);
      ids.push_back(next.item<int32_t>());
    }
    sequence_.set_tokens(ids);
    return {ids.begin() + static_cast<std::ptrdiff_t>(context.size()), ids.end()};
  }

 private:
  Sequence& sequence_;
  PrefillOptions options_;
};

class PromptLookupDrafter : public Drafter {
 public:
  std::vector<int32_t> draft(std::span<const int32_t> context, int count) override {
    for (size_t length = kLongest; length >= kShortest; --length) {
      if (context.size() <= length) {
        continue;
      }
      const auto newest = context.last(length);
      const auto before = context.first(context.size() - 1);
      const auto found = std::ranges::find_end(before, newest);
      if (!found.empty()) {
        const auto after = std::span(found.end(), context.end());
        const auto some = after.first(std::min(after.size(), static_cast<size_t>(count)));
        return {some.begin(), some.end()};
      }
    }
    return {};
  }

 private:
  static constexpr size_t kLongest = 4;
  static constexpr size_t kShortest = 2;
};

}  // namespace

std::unique_ptr<Drafter> make_model_drafter(Sequence& sequence, const PrefillOptions& options) {
  return std::make_unique<ModelDrafter>(sequence, options);
}

std::unique_ptr<Drafter> make_prompt_lookup_drafter() {
  return std::make_unique<PromptLookupDrafter>();
}

}  // namespace burin::generate
