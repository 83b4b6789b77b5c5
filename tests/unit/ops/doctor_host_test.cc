// What `citas doctor` says of disk, limits, clock, bus, port and a running server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/citas/doctor/bus.h"
#include "ops/citas/doctor/disk.h"
#include "ops/citas/doctor/host.h"
#include "ops/citas/doctor/server.h"
#include "tests/support/temp_folder.h"

namespace citas::ops::doctor {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using workers::Connecting;
using workers::ServerProbe;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

const Finding& named(const Findings& findings, std::string_view check) {
  for (const Finding& finding : findings) {
    if (finding.check == check) return finding;
  }
  ADD_FAILURE() << "there is no check " << check;
  static const Finding none;
  return none;
}

// --- disk ---

DiskFacts sound_disk() {
  return {.folder = "data/log",
          .space = DiskSpace{.capacity_bytes = 100 * kGiB,
                             .available_bytes = 50 * kGiB,
                             .inodes = 1'000'000,
                             .available_inodes = 900'000},
          .floor = {.bytes = kGiB, .inodes = 1'000},
          .file_system = {.name = "ext4",
                          .suitability = Suitability::kSuitable,
                          .read_only = false,
                          .rotating = false},
          .sync = std::vector<std::chrono::microseconds>{200us, 300us, 900us}};
}

Verdict verdict_of(const DiskFacts& facts, std::string_view check) {
  return named(check_disk(facts), check).verdict;
}

TEST(DoctorDisk, IsSound) {
  EXPECT_EQ(worst(check_disk(sound_disk())), Verdict::kOk);
  EXPECT_THAT(named(check_disk(sound_disk()), "disk.sync").what, HasSubstr("0.3 ms"));
}

TEST(DoctorDisk, SpaceIsComparedWithTheFloor) {
  DiskFacts facts = sound_disk();
  facts.space->available_bytes = 2 * kGiB;
  EXPECT_EQ(verdict_of(facts, "disk.space"), Verdict::kOk);
  facts.space->available_bytes = 2 * kGiB - 1;
  EXPECT_EQ(verdict_of(facts, "disk.space"), Verdict::kWarn);
  facts.space->available_bytes = kGiB;
  EXPECT_EQ(verdict_of(facts, "disk.space"), Verdict::kWarn);
  facts.space->available_bytes = kGiB - 1;
  EXPECT_EQ(verdict_of(facts, "disk.space"), Verdict::kFail);
  EXPECT_THAT(named(check_disk(facts), "disk.space").next, HasSubstr("disk-full.md"));
  facts.space = failure(ErrorCode::kUnavailable, "no answer");
  EXPECT_EQ(verdict_of(facts, "disk.space"), Verdict::kFail);
}

TEST(DoctorDisk, InodesRunOutToo) {
  DiskFacts facts = sound_disk();
  facts.space->available_inodes = 2'000;
  EXPECT_EQ(verdict_of(facts, "disk.inodes"), Verdict::kOk);
  facts.space->available_inodes = 1'999;
  EXPECT_EQ(verdict_of(facts, "disk.inodes"), Verdict::kWarn);
  facts.space->available_inodes = 999;
  EXPECT_EQ(verdict_of(facts, "disk.inodes"), Verdict::kFail);
  EXPECT_THAT(named(check_disk(facts), "disk.inodes").next, HasSubstr("disk-full.md"));
  facts.space->inodes = 0;
  EXPECT_EQ(verdict_of(facts, "disk.inodes"), Verdict::kOk);
}

TEST(DoctorDisk, SomeFileSystemsAreNotForLogs) {
  DiskFacts facts = sound_disk();
  for (const auto magic :
       {0x01021994U /* tmpfs */, 0x6969U /* nfs */, 0x794C7630U /* overlay */, 0x12345678U}) {
    facts.file_system = file_system_of(magic);
    EXPECT_EQ(verdict_of(facts, "disk.type"), Verdict::kWarn) << facts.file_system.name;
  }
  for (const auto magic : {0xEF53U /* ext4 */, 0x58465342U /* xfs */}) {
    facts.file_system = file_system_of(magic);
    EXPECT_EQ(verdict_of(facts, "disk.type"), Verdict::kOk) << facts.file_system.name;
  }
  facts.file_system.rotating = true;
  EXPECT_EQ(verdict_of(facts, "disk.type"), Verdict::kOk) << "too fast for that";
  facts.sync = std::vector<std::chrono::microseconds>{2ms, 8ms, 8ms};
  EXPECT_EQ(verdict_of(facts, "disk.type"), Verdict::kWarn);
  facts.file_system.read_only = true;
  EXPECT_EQ(verdict_of(facts, "disk.type"), Verdict::kFail);
}

TEST(DoctorDisk, SyncsMayBeSlowHangOrFail) {
  DiskFacts facts = sound_disk();
  facts.sync = std::vector<std::chrono::microseconds>{20ms, 20ms, 20ms};
  EXPECT_EQ(verdict_of(facts, "disk.sync"), Verdict::kWarn);
  facts.sync = std::vector<std::chrono::microseconds>{200us, 300us, 1s};
  EXPECT_EQ(verdict_of(facts, "disk.sync"), Verdict::kFail);
  facts.sync = failure(ErrorCode::kUnknownOutcome, "a synced write failed: Input/output error");
  EXPECT_EQ(verdict_of(facts, "disk.sync"), Verdict::kFail);
  EXPECT_THAT(named(check_disk(facts), "disk.sync").next, HasSubstr("disk-dying.md"));
  facts.sync = failure(ErrorCode::kUnavailable, "not measured");
  EXPECT_EQ(verdict_of(facts, "disk.sync"), Verdict::kWarn);
}

TEST(DoctorDisk, ALookLeavesNoTrace) {
  const citas::testing::TempFolder folder;
  const DiskFacts facts = look_at_disk(folder.path() / "not" / "there", 7);
  EXPECT_EQ(facts.floor.bytes, 7U);
  ASSERT_TRUE(facts.space);
  EXPECT_GT(facts.space->capacity_bytes, 0U);
  EXPECT_FALSE(facts.file_system.name.empty());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// --- limits and clock ---

TEST(DoctorLimits, AreHeldAgainstWhatTheServerNeeds) {
  LimitFacts facts{.whose = "the server",
                   .open_files = 20'000,
                   .connections = 16'384,
                   .memory_bytes = kGiB,
                   .cores = 2};
  EXPECT_EQ(worst(check_limits(facts)), Verdict::kOk);
  facts.open_files = 17'407;
  EXPECT_EQ(named(check_limits(facts), "limits.files").verdict, Verdict::kWarn);
  facts.open_files = 1'023;
  EXPECT_EQ(named(check_limits(facts), "limits.files").verdict, Verdict::kFail);
  facts.memory_bytes = kGiB - 1;
  EXPECT_EQ(named(check_limits(facts), "limits.memory").verdict, Verdict::kWarn);
  facts.memory_bytes = kGiB / 4 - 1;
  EXPECT_EQ(named(check_limits(facts), "limits.memory").verdict, Verdict::kFail);
  facts.cores = 1;
  EXPECT_EQ(named(check_limits(facts), "limits.cores").verdict, Verdict::kWarn);
}

TEST(DoctorLimits, ThisProcessHasSome) {
  const LimitFacts facts = look_at_limits(std::nullopt);
  EXPECT_GT(facts.open_files, 0U);
  EXPECT_GT(facts.memory_bytes, 0U);
  EXPECT_GT(facts.cores, 0U);
}

TEST(DoctorClock, MustNotBeBeforeTheLog) {
  const Timestamp now{std::chrono::hours{500'000}};
  ClockFacts facts{.now = now, .latest = now, .synchronised = true, .uncertainty = 3ms};
  EXPECT_EQ(worst(check_clock(facts)), Verdict::kOk);
  facts.latest = now + 1s;
  EXPECT_EQ(worst(check_clock(facts)), Verdict::kOk);
  facts.latest = now + 1001ms;
  const Findings wrong = check_clock(facts);
  EXPECT_EQ(named(wrong, "clock.log").verdict, Verdict::kFail);
  EXPECT_THAT(named(wrong, "clock.log").next, HasSubstr("wrong-clock.md"));
  facts.latest = std::nullopt;
  EXPECT_EQ(worst(check_clock(facts)), Verdict::kOk);
  facts.synchronised = false;
  EXPECT_EQ(named(check_clock(facts), "clock.sync").verdict, Verdict::kWarn);
  facts.synchronised = std::nullopt;
  EXPECT_EQ(named(check_clock(facts), "clock.sync").verdict, Verdict::kWarn);
}

// --- bus ---

ManagedBusFacts sound_managed_bus() {
  return {.program = "/usr/sbin/nats-server",
          .version = "2.9.10",
          .tested_version = "2.9.10",
          .child = 7,
          .server_runs = true,
          .anonymous = ServerProbe{.connecting = Connecting::kRefused},
          .store = ManagedBusFacts::Store{.used_bytes = 1 << 20, .max_bytes = 1 << 30}};
}

TEST(DoctorManagedBus, IsSound) {
  EXPECT_EQ(worst(check_managed_bus(sound_managed_bus())), Verdict::kOk);
}

TEST(DoctorManagedBus, NeedsItsProgram) {
  ManagedBusFacts facts = sound_managed_bus();
  facts.version = "2.10.1";
  EXPECT_EQ(named(check_managed_bus(facts), "bus.program").verdict, Verdict::kWarn);
  facts.program = std::nullopt;
  EXPECT_EQ(named(check_managed_bus(facts), "bus.program").verdict, Verdict::kFail);
}

TEST(DoctorManagedBus, RunsWithItsServerAndNotWithoutIt) {
  ManagedBusFacts facts = sound_managed_bus();
  facts.server_runs = false;
  EXPECT_EQ(named(check_managed_bus(facts), "bus.process").verdict, Verdict::kWarn);
  facts.child = std::nullopt;
  EXPECT_EQ(named(check_managed_bus(facts), "bus.process").verdict, Verdict::kOk);
  facts.server_runs = true;
  EXPECT_EQ(named(check_managed_bus(facts), "bus.process").verdict, Verdict::kFail);
}

TEST(DoctorManagedBus, HasAStoreThatFills) {
  ManagedBusFacts facts = sound_managed_bus();
  facts.store->used_bytes = facts.store->max_bytes / 100 * 81;
  EXPECT_EQ(named(check_managed_bus(facts), "bus.store").verdict, Verdict::kWarn);
  facts.store->used_bytes = facts.store->max_bytes;
  EXPECT_EQ(named(check_managed_bus(facts), "bus.store").verdict, Verdict::kFail);
  EXPECT_THAT(named(check_managed_bus(facts), "bus.store").next, HasSubstr("lost-bus.md"));
}

TEST(DoctorManagedBus, RefusesStrangers) {
  ManagedBusFacts facts = sound_managed_bus();
  facts.anonymous->connecting = Connecting::kConnected;
  EXPECT_EQ(named(check_managed_bus(facts), "bus.access").verdict, Verdict::kWarn);
  facts.anonymous->connecting = Connecting::kUnreachable;
  EXPECT_EQ(named(check_managed_bus(facts), "bus.access").verdict, Verdict::kWarn);
}

ExternalBusFacts sound_external_bus() {
  return {.url = "nats://bus:4222",
          .ours = {.connecting = Connecting::kConnected, .jetstream = true},
          .anonymous = {.connecting = Connecting::kRefused},
          .server_runs = true};
}

TEST(DoctorExternalBus, IsSound) {
  const Findings findings = check_external_bus(sound_external_bus());
  EXPECT_EQ(worst(findings), Verdict::kOk);
  EXPECT_THAT(findings, SizeIs(3));
}

TEST(DoctorExternalBus, HasToAnswerAndToHaveJetStream) {
  ExternalBusFacts facts = sound_external_bus();
  facts.ours = {.connecting = Connecting::kUnreachable, .reason = "No server available"};
  EXPECT_EQ(named(check_external_bus(facts), "bus.server").verdict, Verdict::kFail);
  EXPECT_THAT(named(check_external_bus(facts), "bus.server").next, HasSubstr("lost-bus.md"));
  facts.ours.connecting = Connecting::kRefused;
  EXPECT_THAT(named(check_external_bus(facts), "bus.server").what, HasSubstr("credentials"));
  facts.ours = {.connecting = Connecting::kConnected, .jetstream = false};
  EXPECT_THAT(named(check_external_bus(facts), "bus.server").what, HasSubstr("JetStream"));
  EXPECT_THAT(check_external_bus(facts), SizeIs(1));
}

TEST(DoctorExternalBus, HasRoom) {
  ExternalBusFacts facts = sound_external_bus();
  facts.ours.max_store_bytes = kGiB;
  EXPECT_EQ(named(check_external_bus(facts), "bus.server").verdict, Verdict::kOk);
  facts.ours.used_store_bytes = kGiB / 100 * 95;
  EXPECT_EQ(named(check_external_bus(facts), "bus.server").verdict, Verdict::kWarn);
  facts.ours.used_store_bytes = 0;
  facts.ours.max_store_bytes = kGiB - 1;
  EXPECT_EQ(named(check_external_bus(facts), "bus.server").verdict, Verdict::kWarn);
}

TEST(DoctorExternalBus, HasTheStreamsOnceAServerRuns) {
  ExternalBusFacts facts = sound_external_bus();
  facts.ours.missing_streams = {"CITAS_EVENTS"};
  EXPECT_EQ(named(check_external_bus(facts), "bus.streams").verdict, Verdict::kFail);
  facts.server_runs = false;
  EXPECT_EQ(named(check_external_bus(facts), "bus.streams").verdict, Verdict::kOk);
}

TEST(DoctorBus, VersionsAreFoundInWhatIsPrinted) {
  EXPECT_EQ(version_in("nats-server: v2.9.10\n"), "2.9.10");
  EXPECT_EQ(version_in("nats-server: 2.10.1-beta"), "2.10.1");
  EXPECT_EQ(version_in("unknown"), "");
}

// --- port and server ---

const ListenAddress kListen{"127.0.0.1", 8080};

TEST(DoctorPort, SaysWhoHasIt) {
  PortFacts facts{.listen = kListen, .taken = false, .by = {}, .server = 7};
  EXPECT_EQ(check_port(facts).verdict, Verdict::kOk);
  facts.taken = true;
  facts.by = Process{7, "citas serve"};
  EXPECT_EQ(check_port(facts).verdict, Verdict::kOk);
  facts.by = Process{8, "nginx"};
  EXPECT_EQ(check_port(facts).verdict, Verdict::kFail);
  EXPECT_THAT(check_port(facts).what, HasSubstr("127.0.0.1:8080 is taken by nginx (pid 8)"));
  facts.by = std::nullopt;
  EXPECT_EQ(check_port(facts).verdict, Verdict::kFail);
  facts.listen.port = 0;
  EXPECT_EQ(check_port(facts).verdict, Verdict::kOk);
}

TEST(DoctorPort, ListenersAreFoundAmongConnections) {
  constexpr char kTable[] =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "4711 1 0 100 0 0 10 0\n"
      "   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 "
      "4712 1 0 100 0 0 10 0\n";
  const auto found = listening_in(kTable);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().port, 8080);
  EXPECT_EQ(found.front().inode, 4711U);
  EXPECT_TRUE(is_in_the_way(found.front(), kListen));
  EXPECT_TRUE(is_in_the_way(found.front(), {"0.0.0.0", 8080}));
  EXPECT_FALSE(is_in_the_way(found.front(), {"127.0.0.1", 8081}));
  EXPECT_FALSE(is_in_the_way(found.front(), {"127.0.0.2", 8080}));
  EXPECT_FALSE(is_in_the_way(found.front(), {"::1", 8080}));
}

TEST(DoctorPort, WhoListensEverywhereIsInTheWay) {
  const ListeningSocket any4{"00000000", 8080, 1};
  const ListeningSocket any6{std::string(32, '0'), 8080, 1};
  EXPECT_TRUE(is_in_the_way(any4, kListen));
  EXPECT_TRUE(is_in_the_way(any6, kListen));
  EXPECT_TRUE(is_in_the_way(any6, {"::1", 8080}));
  EXPECT_FALSE(is_in_the_way(any4, {"::1", 8080}));
}

TEST(DoctorPort, WhoWantsToListenEverywhereIsInTheWayOfBoth) {
  const ListeningSocket one4{"0100007F", 8080, 1};
  const ListeningSocket one6{std::string(24, '0') + "01000000", 8080, 1};
  EXPECT_TRUE(is_in_the_way(one4, {"::", 8080}));
  EXPECT_TRUE(is_in_the_way(one6, {"::", 8080}));
  EXPECT_FALSE(is_in_the_way(one6, {"0.0.0.0", 8080}));
}

TEST(DoctorPort, AnIpv4AddressOfAnIpv6SocketIsInTheWay) {
  const ListeningSocket mapped{"0000000000000000FFFF00000100007F", 8080, 1};
  EXPECT_TRUE(is_in_the_way(mapped, kListen));
  EXPECT_FALSE(is_in_the_way(mapped, {"127.0.0.2", 8080}));
}

TEST(DoctorServer, HasALineForEachPart) {
  const Findings findings =
      check_server("http://x", std::string(R"({"status":"unavailable","parts":[
        {"name":"log","status":"ok","reason":"ends at position 7"},
        {"name":"bus","status":"degraded","reason":"not connected yet"},
        {"name":"projections","status":"unavailable","reason":"stands still"}]})"));
  ASSERT_THAT(findings, SizeIs(3));
  EXPECT_EQ(named(findings, "server.log").verdict, Verdict::kOk);
  EXPECT_EQ(named(findings, "server.log").what, "ends at position 7");
  EXPECT_EQ(named(findings, "server.bus").verdict, Verdict::kWarn);
  EXPECT_THAT(named(findings, "server.bus").what, HasSubstr("not connected yet"));
  EXPECT_THAT(named(findings, "server.bus").next, HasSubstr("lost-bus.md"));
  EXPECT_EQ(named(findings, "server.projections").verdict, Verdict::kFail);
}

TEST(DoctorServer, NamesARunbookForEachPartInTrouble) {
  for (const std::string part : {"log", "disk", "projections", "bus", "dead-letters"}) {
    const Findings findings = check_server(
        "http://x", R"({"parts":[{"name":")" + part + R"(","status":"degraded","reason":"x"}]})");
    EXPECT_THAT(named(findings, "server." + part).next, HasSubstr("ops/runbooks/")) << part;
  }
}

TEST(DoctorServer, MayBeSilentOrSomethingElse) {
  EXPECT_EQ(worst(check_server("http://x", failure(ErrorCode::kUnavailable, "refused"))),
            Verdict::kFail);
  for (const char* answer : {"", "<html>", "[]", R"({"status":"ok"})", R"({"parts":7})"}) {
    EXPECT_EQ(worst(check_server("http://x", std::string(answer))), Verdict::kFail) << answer;
  }
}

}  // namespace
}  // namespace citas::ops::doctor
