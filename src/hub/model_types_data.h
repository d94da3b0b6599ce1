// What the build knows of the architectures, for the layers that do not link them.
#pragma once

namespace burin::hub {

/** Types as `type:alias:alias`, with commas between. */
extern const char* const kModelTypes;

}  // namespace burin::hub
