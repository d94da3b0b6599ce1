// What a listing says of many models, in few system calls each: the same objects as describe_model's.
#pragma once

#include <vector>

#include "hub/model_info.h"
#include "hub/paths.h"
#include "hub/resolve.h"

namespace burin::hub {

/** describe_model(resolve_default(model)), with one look at the disk where two say the same. */
ModelInfo describe_default(const ModelName& model, const HubPaths& paths, const DescribeOptions& options);

/** One for each model, in their order, without what its folder holds. Threads: as many as the machine has where it
 * pays. */
std::vector<ModelInfo> describe_all(const std::vector<ModelName>& models, const HubPaths& paths,
                                    const DescribeOptions& options);

}  // namespace burin::hub
