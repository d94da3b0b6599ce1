// BURIN_API, for the layers.
#pragma once

#include "burin/export.h"
