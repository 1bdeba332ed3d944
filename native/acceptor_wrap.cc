#include "acceptor_wrap.h"

#include <sys/socket.h>
#include <uv.h>

#include <cerrno>

#include "core/check.h"
#include "core/shared_listener.h"
#include "core/unique_fd.h"

namespace chaussette {
namespace {

// Accepts on a socket that listens already, for the backends on Node's own
// streams: libuv would call listen(2) again, which changes the backlog that
// parent and siblings share.
// Owner:    itself; JavaScript holds it through the functions that
//           openAcceptor() returns.
// Lifetime: from openAcceptor() until stop() or the end of the environment, and then
//           until its handle is closed.
// Limits:   none of its own: lib/native/acceptor.ts decides how many a turn.
// Never:    calls listen(2), or shuts the socket down.
class Acceptor {
 public:
  Acceptor(Napi::Env env, int fd, Napi::Function on_readable)
      : env_(env), fd_(fd), on_readable_(Napi::Persistent(on_readable)) {}

  // 0 or a negated errno; then it may be deleted.
  [[nodiscard]] int Open() {
    uv_loop_t* loop = nullptr;
    napi_value name;
    if (napi_get_uv_event_loop(env_, &loop) != napi_ok ||
        napi_create_string_utf8(env_, "CHAUSSETTEACCEPT", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_async_init(env_, nullptr, name, &context_) != napi_ok) {
      return UV_EINVAL;
    }
    const int error = uv_poll_init(loop, &poll_, fd_.get());
    if (error != 0) {
      napi_async_destroy(env_, context_);
      return error;
    }
    napi_add_async_cleanup_hook(env_, OnCleanup, this, &hook_);
    poll_.data = this;
    Resume();
    return 0;
  }

  void Resume() {
    if (!stopped_) uv_poll_start(&poll_, UV_READABLE, OnReadable);
  }

  void Pause() { uv_poll_stop(&poll_); }

  // It does not keep the event loop alive.
  void Unref() { uv_unref(reinterpret_cast<uv_handle_t*>(&poll_)); }

  // A connection, or a negated errno.
  [[nodiscard]] int Accept() {
    const int fd = AcceptWithoutWaiting(fd_.get());
    return fd >= 0 ? fd : -errno;
  }

  // The object is gone some time after it.
  void Stop() {
    if (stopped_) return;
    stopped_ = true;
    napi_async_destroy(env_, context_);
    on_readable_.Reset();
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClosed);
    // libuv watches it no more (uv_poll_stop), and what connects from now on is for those who still listen.
    fd_.Reset();
  }

 private:
  // JavaScript accepts: a descriptor that is handed to it instead would be lost
  // when a worker thread is terminated meanwhile.
  static void OnReadable(uv_poll_t* handle, int, int) {
    Acceptor* self = static_cast<Acceptor*>(handle->data);
    Napi::HandleScope scope(self->env_);
    napi_value result;
    const napi_status status = napi_make_callback(self->env_,
                                                  self->context_,
                                                  self->env_.Global(),
                                                  self->on_readable_.Value(),
                                                  0,
                                                  nullptr,
                                                  &result);
    if (status == napi_ok) return;
    napi_value error;
    bool pending = false;
    napi_is_exception_pending(self->env_, &pending);
    if (pending && napi_get_and_clear_last_exception(self->env_, &error) == napi_ok) {
      napi_fatal_exception(self->env_, error);
    }
  }

  static void OnCleanup(napi_async_cleanup_hook_handle, void* data) {
    static_cast<Acceptor*>(data)->Stop();
  }

  static void OnClosed(uv_handle_t* handle) {
    Acceptor* self = static_cast<Acceptor*>(handle->data);
    napi_remove_async_cleanup_hook(self->hook_);
    delete self;
  }

  Napi::Env env_;
  UniqueFd fd_;
  Napi::FunctionReference on_readable_;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  uv_poll_t poll_;
  bool stopped_ = false;
};

Acceptor* AcceptorOf(const Napi::CallbackInfo& info) {
  return static_cast<Acceptor*>(info.Data());
}

Napi::Value AcceptOne(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), AcceptorOf(info)->Accept());
}

void Pause(const Napi::CallbackInfo& info) {
  AcceptorOf(info)->Pause();
}

void Resume(const Napi::CallbackInfo& info) {
  AcceptorOf(info)->Resume();
}

void Stop(const Napi::CallbackInfo& info) {
  AcceptorOf(info)->Stop();
}

void Unref(const Napi::CallbackInfo& info) {
  AcceptorOf(info)->Unref();
}

// openAcceptor(fd, onReadable): [accept, pause, resume, stop, unref], or a negated
// errno. The descriptor is the acceptor's own from here on, in either case.
Napi::Value OpenAcceptor(const Napi::CallbackInfo& info) {
  CHECK(info[0].IsNumber() && info[1].IsFunction());
  const Napi::Env env = info.Env();
  auto* acceptor =
      new Acceptor(env, info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Function>());
  const int error = acceptor->Open();
  if (error != 0) {
    delete acceptor;
    return Napi::Number::New(env, error);
  }
  Napi::Array functions = Napi::Array::New(env, 5);
  functions.Set(0u, Napi::Function::New<AcceptOne>(env, "accept", acceptor));
  functions.Set(1u, Napi::Function::New<Pause>(env, "pause", acceptor));
  functions.Set(2u, Napi::Function::New<Resume>(env, "resume", acceptor));
  functions.Set(3u, Napi::Function::New<Stop>(env, "stop", acceptor));
  functions.Set(4u, Napi::Function::New<Unref>(env, "unref", acceptor));
  return functions;
}

}  // namespace

void InitAcceptor(Napi::Env env, Napi::Object exports) {
  exports.Set("openAcceptor", Napi::Function::New<OpenAcceptor>(env, "openAcceptor"));
}

}  // namespace chaussette
