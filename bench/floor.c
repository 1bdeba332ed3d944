// What the kernel alone takes: epoll, recv and send of the sizes of the large rows, without HTTP and JavaScript. For
// profiles, not for the table; docs/benchmarks.md has its numbers.
//
//   cc -O2 -o build/floor bench/floor.c && taskset -c 0 build/floor PORT upload|download|sendfile
//   taskset -c 1 wrk -t1 -c64 -d5s [-s bench/wrk/post.lua] http://127.0.0.1:PORT/ [-- 1048576]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kBody = 1024 * 1024, kRead = 64 * 1024, kDescriptors = 65536 };

static long body_left[kDescriptors];  // to receive
static long file_left[kDescriptors];  // to send
static char memory[kRead];
static char file[kBody];

static void OnReadable(int fd, int upload) {
  const ssize_t n = recv(fd, memory, kRead - 1, 0);
  if (n <= 0) {
    if (n == 0) close(fd);
    return;
  }
  if (!upload) {
    static const char kHead[] = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n";
    send(fd, kHead, sizeof(kHead) - 1, MSG_MORE);
    file_left[fd] = kBody;
    return;
  }
  memory[n] = '\0';
  if (body_left[fd] == 0) {
    const char* length = strcasestr(memory, "content-length:");
    const char* end = strstr(memory, "\r\n\r\n");
    if (end == NULL) return;
    body_left[fd] = (length == NULL ? 0 : atol(length + 15)) + (end + 4 - memory);
  }
  body_left[fd] -= n;
  static const char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n1048576";
  if (body_left[fd] == 0) send(fd, kAnswer, sizeof(kAnswer) - 1, 0);
}

static void SendFile(int epoll, int fd, int source) {
  while (file_left[fd] > 0) {
    off_t at = kBody - file_left[fd];
    const ssize_t n = source < 0 ? send(fd, file + at, (size_t)file_left[fd], 0)
                                 : sendfile(fd, source, &at, (size_t)file_left[fd]);
    if (n <= 0) break;
    file_left[fd] -= n;
  }
  struct epoll_event event = {.events = EPOLLIN | (file_left[fd] > 0 ? EPOLLOUT : 0), .data.fd = fd};
  epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

int main(int argc, char** argv) {
  if (argc != 3) return fprintf(stderr, "usage: floor PORT upload|download|sendfile\n"), 2;
  signal(SIGPIPE, SIG_IGN);
  memset(file, 'x', kBody);
  int source = -1;
  if (strcmp(argv[2], "sendfile") == 0) {
    source = memfd_create("file", 0);
    if (write(source, file, kBody) != kBody) return perror("write"), 1;
  }
  const int upload = strcmp(argv[2], "upload") == 0;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr*)&at, sizeof(at)) != 0 || listen(listener, 1024) != 0) return perror("bind"), 1;
  const int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    struct epoll_event events[512];
    const int count = epoll_wait(epoll, events, 512, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0 || fd >= kDescriptors) continue;
        body_left[fd] = file_left[fd] = 0;
        event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        continue;
      }
      if (events[i].events & EPOLLIN) OnReadable(fd, upload);
      if (file_left[fd] > 0) SendFile(epoll, fd, source);
    }
  }
}
