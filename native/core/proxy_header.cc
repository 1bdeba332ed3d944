#include "core/proxy_header.h"

#include <arpa/inet.h>

#include <cstring>
#include <string>
#include <string_view>

namespace chaussette {
namespace {

// Section numbers are those of proxy-protocol.txt.

// Section 2.2: what every header of version 2 begins with.
constexpr uint8_t kSignature[] = {
    '\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};
constexpr uint32_t kFixedBytes = 16;
constexpr std::string_view kLineStart = "PROXY ";

constexpr uint8_t kVersion2 = 0x20;
constexpr uint8_t kLocal = 0;
constexpr uint8_t kProxy = 1;

// Address family and transport; on a stream socket only streams make sense.
constexpr uint8_t kTcp4 = 0x11;
constexpr uint8_t kTcp6 = 0x21;
constexpr uint8_t kUnixStream = 0x31;

// Of both addresses and ports, by family.
constexpr uint32_t kAddressBytes[] = {0, 12, 36, 216};

uint16_t BigEndian(const uint8_t* at) {
  return static_cast<uint16_t>((at[0] << 8) | at[1]);
}

// Up to the next space, which is taken off as well.
std::string NextWord(std::string_view* line) {
  const size_t space = line->find(' ');
  const std::string word(line->substr(0, space));
  *line = space == std::string_view::npos ? std::string_view() : line->substr(space + 1);
  return word;
}

// Section 2.1: decimal, 0 to 65535, no leading zeros.
bool ReadPort(const std::string& word, uint16_t* port) {
  if (word.empty() || word.size() > 5 || (word[0] == '0' && word.size() > 1)) return false;
  uint32_t value = 0;
  for (const char digit : word) {
    if (digit < '0' || digit > '9') return false;
    value = value * 10 + static_cast<uint32_t>(digit - '0');
  }
  *port = static_cast<uint16_t>(value);
  return value <= UINT16_MAX;
}

}  // namespace

static_assert(kProxyHeaderBytesMax >= kFixedBytes + kAddressBytes[3]);
static_assert(kProxyLineBytesMax >= kFixedBytes + kAddressBytes[2]);

ProxyHeader::Outcome ProxyHeader::Take(const char* from, size_t length, size_t* taken) {
  Outcome outcome = Outcome::kNeedMore;
  size_t i = 0;
  while (i < length && outcome == Outcome::kNeedMore) {
    outcome = TakeByte(static_cast<uint8_t>(from[i++]));
  }
  *taken = i;
  return outcome;
}

ProxyHeader::Outcome ProxyHeader::TakeByte(uint8_t byte) {
  if (count_ < sizeof(bytes_)) bytes_[count_] = byte;
  count_++;
  return bytes_[0] == kSignature[0] ? TakeBinary(byte) : TakeText(byte);
}

ProxyHeader::Outcome ProxyHeader::TakeBinary(uint8_t byte) {
  if (count_ <= sizeof(kSignature)) {
    return byte == kSignature[count_ - 1] ? Outcome::kNeedMore : Outcome::kBad;
  }
  if (count_ == kFixedBytes && !ReadLengths()) return Outcome::kBad;
  if (count_ < kFixedBytes || count_ < total_) return Outcome::kNeedMore;
  ReadAddresses();
  return Outcome::kComplete;
}

// Version, command, family and transport must be ones that there are, and the
// length enough for the addresses.
bool ProxyHeader::ReadLengths() {
  const uint8_t command = bytes_[12] & 0x0f;
  const uint8_t family = bytes_[13] >> 4;
  const uint8_t transport = bytes_[13] & 0x0f;
  const uint32_t length = BigEndian(bytes_ + 14);
  total_ = kFixedBytes + length;
  if ((bytes_[12] & 0xf0) != kVersion2 || command > kProxy) return false;
  if (total_ > kProxyHeaderBytesMax) return false;
  if (command == kLocal) return true;
  return family <= 3 && transport <= 2 && length >= kAddressBytes[family];
}

void ProxyHeader::ReadAddresses() {
  if (bytes_[12] == (kVersion2 | kLocal)) return;
  const uint8_t* at = bytes_ + kFixedBytes;
  size_t size = 4;
  switch (bytes_[13]) {
    case kTcp4: ends_.family = ProxiedEnds::Family::kIpv4; break;
    case kTcp6:
      ends_.family = ProxiedEnds::Family::kIpv6;
      size = 16;
      break;
    case kUnixStream: ends_.family = ProxiedEnds::Family::kUnix; return;
    default: return;  // unspecified, or of datagrams: the connection's own
  }
  memcpy(ends_.remote.address, at, size);
  memcpy(ends_.local.address, at + size, size);
  ends_.remote.port = BigEndian(at + 2 * size);
  ends_.local.port = BigEndian(at + 2 * size + 2);
}

ProxyHeader::Outcome ProxyHeader::TakeText(uint8_t byte) {
  if (count_ <= kLineStart.size()) {
    const bool fits = byte == static_cast<uint8_t>(kLineStart[count_ - 1]);
    return fits ? Outcome::kNeedMore : Outcome::kBad;
  }
  if (byte == '\n') return ReadLine() ? Outcome::kComplete : Outcome::kBad;
  return count_ == kProxyLineBytesMax ? Outcome::kBad : Outcome::kNeedMore;
}

bool ProxyHeader::ReadLine() {
  if (bytes_[count_ - 2] != '\r') return false;
  std::string_view line(reinterpret_cast<const char*>(bytes_), count_ - 2);
  if (line.find('\0') != std::string_view::npos) return false;
  line.remove_prefix(kLineStart.size());
  const std::string family = NextWord(&line);
  if (family == "UNKNOWN") return true;  // what follows is ignored
  if (family != "TCP4" && family != "TCP6") return false;
  const bool six = family == "TCP6";
  const int domain = six ? AF_INET6 : AF_INET;
  const std::string source = NextWord(&line);
  const std::string destination = NextWord(&line);
  const std::string source_port = NextWord(&line);
  ends_.family = six ? ProxiedEnds::Family::kIpv6 : ProxiedEnds::Family::kIpv4;
  return inet_pton(domain, source.c_str(), ends_.remote.address) == 1 &&
         inet_pton(domain, destination.c_str(), ends_.local.address) == 1 &&
         ReadPort(source_port, &ends_.remote.port) &&
         ReadPort(std::string(line), &ends_.local.port);
}

}  // namespace chaussette
