// Whether a browser sends a request for a page of another site.
//
// Nobody has to say who they are yet, so whoever can make a browser on this machine send a command
// has it carried out: a page anywhere may post to a loopback address, and needs no answer for that.
// Programs that are no browsers send neither of the two headers, and are not concerned.
// Source: Fetch Metadata Request Headers (Sec-Fetch-Site), RFC 6454 section 7 (Origin).
#pragma once

#include "api/http/message.h"

namespace citas::api {

// By Sec-Fetch-Site, which pages cannot set; without it by an Origin of another host than Host.
bool is_cross_origin(const http::Headers& headers);

}  // namespace citas::api
