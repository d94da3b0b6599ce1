#include "cli/repair.h"

namespace burin::cli {

void pull_for_repair(Context& /*context*/, const hub::RepairRequest& request) {
  throw Error(ErrorCode::Unsupported, "health", "this burin has no download yet, and so no repair")
      .fact("files", dump_json(Json(request.files)))
      .hint("remove the model and download it again with a client of the Hub");
}

}  // namespace burin::cli
