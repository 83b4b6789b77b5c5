#include "api/problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace citas::api {
namespace {

using commands::RejectionCode;
using nlohmann::json;
using testing::MatchesRegex;

std::string pascal_case(std::string_view snake) {
  std::string pascal;
  bool upper = true;
  for (const char c : snake) {
    if (c != '_') pascal.push_back(upper ? static_cast<char>(c - 'a' + 'A') : c);
    upper = c == '_';
  }
  return pascal;
}

TEST(Problems, EveryEntryIsCompleteAndUnique) {
  std::set<std::string_view> codes;
  for (const ProblemType& type : problem_catalogue()) {
    EXPECT_TRUE(codes.insert(type.code).second) << type.code;
    EXPECT_THAT(std::string{type.code}, MatchesRegex("[a-z][a-z_]*"));
    // Its name in the public contract is older than its code.
    const bool is_older = type.id == ProblemCode::kValidationFailed;
    EXPECT_EQ(type.error, is_older ? "ValidationError" : pascal_case(type.code));
    EXPECT_GE(type.status, 400);
    EXPECT_LE(type.status, 599);
    EXPECT_FALSE(type.title.empty() || type.description.empty()) << type.code;
    EXPECT_EQ(&type_of(type.id), &type);
    EXPECT_EQ(find_problem(type.code), &type);
  }
  EXPECT_EQ(find_problem("no_such_problem"), nullptr);
}

TEST(Problems, AProblemIsRenderedWithAllMembers) {
  const Problem problem = validation_problem({{"date", "date_in_past", "date is past"},
                                              {"medicId", "invalid_integer", "medicId is wrong"}});
  const json document = json::parse(render(problem, "abc-1", Timestamp{}));
  EXPECT_EQ(document, json::parse(R"({
    "type": "/problems/validation_failed", "title": "The request has invalid fields",
    "status": 400, "detail": "date is past; medicId is wrong.",
    "instance": "urn:citas:request:abc-1", "code": "validation_failed",
    "error": "ValidationError", "message": "date is past; medicId is wrong.",
    "requestId": "abc-1", "timestamp": "1970-01-01T00:00:00.000Z",
    "errors": [{"field": "date", "code": "date_in_past", "message": "date is past"},
               {"field": "medicId", "code": "invalid_integer", "message": "medicId is wrong"}]})"));
}

TEST(Problems, TheCatalogueIsServable) {
  const json catalogue = json::parse(render_catalogue());
  EXPECT_EQ(catalogue["problems"].size(), problem_catalogue().size());
  EXPECT_EQ(json::parse(render(type_of(ProblemCode::kSlotTaken)))["type"], "/problems/slot_taken");
}

TEST(Problems, RejectionsHaveTheirStatus) {
  const std::map<RejectionCode, int> expected{
      {RejectionCode::kIdempotencyKeyReused, 422}, {RejectionCode::kAppointmentNotFound, 404},
      {RejectionCode::kCountryMismatch, 404},      {RejectionCode::kSlotTaken, 409},
      {RejectionCode::kAlreadyBooked, 409},        {RejectionCode::kUnknownCountry, 400},
      {RejectionCode::kDateInPast, 400},           {RejectionCode::kNotCancellable, 409},
      {RejectionCode::kChangedSince, 412}};
  for (const auto& [code, status] : expected) {
    const Problem problem = problem_of(commands::Rejection{code});
    EXPECT_EQ(type_of(problem.code).status, status) << to_string(code);
    EXPECT_FALSE(problem.detail.empty());
    EXPECT_EQ(field_error_of(code).has_value(), status == 400);
  }
}

TEST(Problems, ErrorsHaveTheirStatusAndShowNothingOfTheServer) {
  const std::map<ErrorCode, int> expected{
      {ErrorCode::kUnavailable, 503},     {ErrorCode::kUnknownOutcome, 503},
      {ErrorCode::kInvalidArgument, 500}, {ErrorCode::kNotFound, 500},
      {ErrorCode::kConflict, 500},        {ErrorCode::kFailedPrecondition, 500},
      {ErrorCode::kCorruption, 500},      {ErrorCode::kStorageFull, 503}};
  for (const auto& [code, status] : expected) {
    const Problem problem = problem_of(Error{code, "/var/lib/citas/log/000012.sst"});
    EXPECT_EQ(type_of(problem.code).status, status) << to_string(code);
    EXPECT_EQ(problem.detail.find("/var"), std::string::npos);
  }
}

TEST(Problems, RefusalsOfTheServerKeepTheirStatus) {
  for (const int status : {400, 408, 413, 414, 415, 417, 431, 500, 501, 503, 505}) {
    EXPECT_EQ(type_of(problem_of_status(status, "no").code).status, status);
  }
  EXPECT_EQ(problem_of_status(431, "too many trailer fields").detail, "Too many trailer fields.");
  EXPECT_EQ(problem_of_status(400, "Already one.").detail, "Already one.");
}

}  // namespace
}  // namespace citas::api
