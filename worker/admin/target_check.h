// Whether the target of a call of the Admin API says what it means: an escape in it must not make another
// object of the one that is named, nor put bytes into responses and stored objects that are no text.
#pragma once

#include "shared/base/result.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

// Refused, with the text of a 400: a path or a query that is no UTF-8; an escaped '/', '\\', '?', '#', '%' or
// control character in the path ("/routes/a%2Fb" would be another object than the id "a/b" that was meant);
// segments of dots that are written with escapes.
base::Status check_target(const proxy::LocalRequest& request);

}  // namespace apisix::admin
