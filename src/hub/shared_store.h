// The Xet store that newer clients of the Hub keep once per cache: blobs/<2 hex>/<xet hash>, linked to by the repos'
// own blobs. burin only takes away what no repo links to any more, and leaves everything it is not sure about.
// Source: huggingface_hub 2.4.0 utils/_shared_blobs.py.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

namespace burin::hub {

/** Whether `<hub>/blobs` is such a store, by its marker. */
bool has_shared_store(const std::filesystem::path& hub_cache);

/** The hash of the store's entry that a repo's blob links to; none for anything else. The link alone is read. */
std::optional<std::string> shared_entry_of(const std::filesystem::path& blob);

/** Bytes of an entry that go when these links ("models--x/blobs/ETAG") go: 0 while others need it or nobody knows. */
uint64_t shared_bytes_freed(const std::filesystem::path& hub_cache, const std::string& entry,
                            const std::set<std::string>& links);

/** Removes the entry if its list of links is readable and none still leads to it; returns the bytes freed. */
uint64_t sweep_shared_entry(const std::filesystem::path& hub_cache, const std::string& entry);

}  // namespace burin::hub
