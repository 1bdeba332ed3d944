// Requests at a fixed rate, whether they are answered or not: the load of the latency rows. A closed loop, as wrk's,
// waits for the answer before it asks again, so that a server that stops for a second is asked less (coordinated
// omission). Here each request has a time at which it is due, and its latency counts from then, also when no
// connection was free to send it.
//
//   rate PORT CONNECTIONS RATE SECONDS PATH
//
// Arrivals are a Poisson process from a fixed seed, the same for every server. The first second is not counted. It
// spins on the core that it is pinned to: a sleep would be longer than many answers. One line of JSON comes out, times
// in microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kConnections = 1024, kBuffer = 16 * 1024, kDrainSeconds = 5 };

struct Connection {
  int fd;
  int used;  // of `in`
  double due;
  char in[kBuffer + 1];
};

static struct Connection connections[kConnections];
static int idle[kConnections];
static int idle_count;
static double* due_times;
static double* latencies;
static long latency_count;
static double count_from;

static double Now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int Fail(const char* what) {
  fprintf(stderr, "rate: %s%s%s\n", what, errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
  exit(1);
}

static uint64_t Random(void) {  // xorshift64*
  static uint64_t state = 88172645463325252u;
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 2685821657736338717u;
}

static void MakeArrivals(double start, double rate, long count) {
  double at = start;
  for (long i = 0; i < count; i++) {
    at += -log(((double)(Random() >> 11) + 1) / 9007199254740993.0) / rate;
    due_times[i] = at;
  }
}

static void Open(int port, int count, int epoll) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < count; i++) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr*)&to, sizeof(to)) != 0) Fail("connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    connections[i].fd = fd;
    idle[idle_count++] = i;
  }
}

// Whether the answer is complete. One without a length is not measured here.
static int IsComplete(struct Connection* c) {
  c->in[c->used] = '\0';
  const char* end = strstr(c->in, "\r\n\r\n");
  if (end == NULL) return 0;
  if (strncmp(c->in, "HTTP/1.1 200", 12) != 0) Fail("an answer is not 200");
  const char* length = strcasestr(c->in, "content-length:");
  if (length == NULL || length > end) Fail("an answer has no Content-Length");
  return c->used - (int)(end + 4 - c->in) >= atoi(length + 15);
}

static void OnReadable(int index) {
  struct Connection* c = &connections[index];
  const ssize_t n = recv(c->fd, c->in + c->used, (size_t)(kBuffer - c->used), 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) Fail("a connection was closed");
  c->used += (int)n;
  if (!IsComplete(c)) {
    if (c->used == kBuffer) Fail("an answer is too large");
    return;
  }
  c->used = 0;
  if (c->due >= count_from) latencies[latency_count++] = Now() - c->due;
  idle[idle_count++] = index;
}

static int Compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double Percentile(double part) {
  long at = (long)ceil(part * (double)latency_count) - 1;
  return latencies[at < 0 ? 0 : at] * 1e6;
}

int main(int argc, char** argv) {
  if (argc != 6) return fprintf(stderr, "usage: rate PORT CONNECTIONS RATE SECONDS PATH\n"), 2;
  const int connection_count = atoi(argv[2]);
  const double rate = atof(argv[3]), seconds = atof(argv[4]) + 1;
  if (connection_count < 1 || connection_count > kConnections || rate <= 0) Fail("bad arguments");
  const long count = (long)(rate * seconds);
  due_times = malloc((size_t)count * sizeof(double));
  latencies = malloc((size_t)count * sizeof(double));
  char request[1024];
  const int length =
      snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", argv[5], argv[1]);
  const int epoll = epoll_create1(0);
  Open(atoi(argv[1]), connection_count, epoll);
  const double start = Now() + 0.1;
  count_from = start + 1;
  MakeArrivals(start, rate, count);
  const double give_up = due_times[count - 1] + kDrainSeconds;
  long next = 0;
  while (next < count || idle_count < connection_count) {
    struct epoll_event events[256];
    const int ready = epoll_wait(epoll, events, 256, 0);
    for (int i = 0; i < ready; i++) OnReadable((int)events[i].data.u32);
    const double now = Now();
    if (now > give_up) Fail("the server does not keep up with this rate");
    while (next < count && idle_count > 0 && due_times[next] <= now) {
      struct Connection* c = &connections[idle[--idle_count]];
      c->due = due_times[next++];
      if (send(c->fd, request, (size_t)length, MSG_NOSIGNAL) != length) Fail("send");
    }
  }
  if (latency_count == 0) Fail("nothing was measured");
  qsort(latencies, (size_t)latency_count, sizeof(double), Compare);
  printf("{\"requests\":%ld,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}\n", latency_count, Percentile(0.5),
         Percentile(0.99), Percentile(0.999), Percentile(1));
  return 0;
}
