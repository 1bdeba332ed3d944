#ifndef NATIVE_HOST_WRAP_H_
#define NATIVE_HOST_WRAP_H_

#include <napi.h>
#include <uv.h>

#include <memory>
#include <vector>

#include "core/core.h"

namespace chaussette {

// The core of one environment, its event loop handles, and the way to JavaScript.
// Owner:    the instance data of the environment holds the pointer; the object
//           deletes itself when its handles are closed.
// Lifetime: from openCore() until the cleanup hook of the environment.
// Limits:   one per environment.
// Never:    is reached from another thread.
class CoreHandle final : public Host {
 public:
  CoreHandle(Napi::Env env, const LlhttpFunctions& llhttp, const SharedMemory& memory)
      : env_(env),
        llhttp_(llhttp),
        records_(memory.records),
        core_(std::make_unique<Core>(this, &llhttp_, memory)) {}

  // Returns 0 or a negated errno.
  int Open(Napi::Object holder, Napi::Array slots, Napi::Array blocks, Napi::Function on_turn);

  Core* core() { return core_.get(); }
  // What its clients bring about belongs to the async context that is the current one.
  // Returns its tag.
  uint32_t AddServer(const ServerLimits& limits);
  // Nothing more comes of it.
  void ForgetServer(uint32_t tag);
  // The servers that listen keep the process alive, or do not.
  void SetRef(bool on);
  // Write what JavaScript answered since the last turn.
  void Flush();

  bool Dispatch(uint32_t first, uint32_t count) override;
  bool TakeReference(uint32_t slot, const char** data, size_t* length, void** reference) override;
  void ReleaseReference(void* reference) override;
  char* NewBlock(uint32_t slot) override;
  void DropBlock(uint32_t slot) override;
  bool HoldsReference(void* reference, const char* data, size_t length) override;

 private:
  static void OnPoll(uv_poll_t* handle, int status, int events);
  static void OnPrepare(uv_prepare_t* handle);
  static void OnTimer(uv_timer_t* handle);
  static void OnCleanup(napi_async_cleanup_hook_handle hook, void* data);
  static void OnClosed(uv_handle_t* handle);
  void UpdateTimer();
  void KeepAlive();
  napi_async_context NewContext();
  void DestroyContexts();
  uint32_t ServerOf(uint32_t record) const;

  Napi::Env env_;
  LlhttpFunctions llhttp_;
  const uint32_t* records_;
  std::unique_ptr<Core> core_;
  // Keeps the shared memory alive and is `this` of the callback.
  Napi::ObjectReference holder_;
  Napi::Reference<Napi::Array> slots_;
  Napi::Reference<Napi::Array> blocks_;
  Napi::FunctionReference on_turn_;
  napi_async_context context_ = nullptr;      // of what belongs to no server
  std::vector<napi_async_context> contexts_;  // of servers, by tag; nullptr when they are gone
  uint32_t context_count_ = 0;
  std::vector<napi_async_context> unused_contexts_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  uv_poll_t poll_;
  uv_prepare_t prepare_;
  uv_timer_t timer_;
  int open_handles_ = 0;
  bool timer_runs_ = false;
  bool refd_ = false;
};

}  // namespace chaussette

#endif  // NATIVE_HOST_WRAP_H_
