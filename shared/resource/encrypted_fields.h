// The fields of a plugin's configuration that are encrypted in the store: those that its schema lists in
// "encrypt_fields". Written by the Admin API, read by it and where plugins are built; all other code
// sees them decrypted.
#pragma once

#include "shared/base/keyring.h"
#include "shared/format/json.h"

namespace apisix::resource {

// `schema` is the one that `conf` was checked against (a plugin's, its consumer's or its metadata's). A
// listed path ("a.b.c") goes through objects and every element of arrays; what it leads to is a text, or an
// array or object of texts. Other things are left alone.
void encrypt_fields(format::Json& conf, const format::Json& schema, const base::Keyring& keyring);

// What does not decrypt stays as it is: it may have been stored before its field was listed.
void decrypt_fields(format::Json& conf, const format::Json& schema, const base::Keyring& keyring);

}  // namespace apisix::resource
