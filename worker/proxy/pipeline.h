// The table of contents of the product: what happens to a request, in order. Each phase is a function; the
// loop runs them until one waits or responds.
#pragma once

namespace apisix::proxy {

class Stream;

// Starts (or, after a wait, goes on with) the phases of a request whose head is parsed.
void run_pipeline(Stream& stream);

}  // namespace apisix::proxy
