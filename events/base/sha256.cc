#include "events/base/sha256.h"

#include <openssl/evp.h>

#include <memory>

#include "events/base/check.h"

namespace citas {
namespace {

// Looked up once: EVP_sha256() would search the providers on every use.
const EVP_MD* algorithm() {
  static EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(fetched != nullptr);
  return fetched;
}

}  // namespace

Sha256 sha256(std::initializer_list<std::string_view> parts) {
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  CHECK(context != nullptr && EVP_DigestInit_ex2(context.get(), algorithm(), nullptr) == 1);
  for (std::string_view part : parts) {
    CHECK(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
  }
  Sha256 digest;
  CHECK(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace citas
