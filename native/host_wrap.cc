#include "host_wrap.h"

#include "core/check.h"

namespace chaussette {

int CoreHandle::Open(Napi::Object holder,
                     Napi::Array slots,
                     Napi::Array blocks,
                     Napi::Function on_turn) {
  const int epoll = core_->Open();
  if (epoll < 0) return epoll;
  // What can fail comes before the handles of the loop, which cannot be freed
  // before they are closed.
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env_, &loop) != napi_ok) return UV_EINVAL;
  context_ = NewContext();
  if (context_ == nullptr) return UV_EINVAL;
  const int error = uv_poll_init(loop, &poll_, epoll);
  if (error != 0) {
    napi_async_destroy(env_, context_);
    return error;
  }
  uv_prepare_init(loop, &prepare_);
  uv_timer_init(loop, &timer_);
  open_handles_ = 3;
  poll_.data = prepare_.data = timer_.data = this;
  uv_poll_start(&poll_, UV_READABLE, OnPoll);
  uv_prepare_start(&prepare_, OnPrepare);
  uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
  uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_));
  holder_ = Napi::Persistent(holder);
  slots_ = Napi::Reference<Napi::Array>::New(slots, 1);
  blocks_ = Napi::Reference<Napi::Array>::New(blocks, 1);
  on_turn_ = Napi::Persistent(on_turn);
  napi_add_async_cleanup_hook(env_, OnCleanup, this, &hook_);
  return 0;
}

napi_async_context CoreHandle::NewContext() {
  napi_value name;
  napi_async_context context = nullptr;
  if (napi_create_string_utf8(env_, "CHAUSSETTE", NAPI_AUTO_LENGTH, &name) != napi_ok) {
    return nullptr;
  }
  return napi_async_init(env_, nullptr, name, &context) == napi_ok ? context : nullptr;
}

uint32_t CoreHandle::AddServer(const ServerLimits& limits) {
  const uint32_t tag = core_->AddServer(limits)->tag;
  contexts_.resize(tag + 1);
  contexts_[tag] = NewContext();
  context_count_++;
  return tag;
}

void CoreHandle::ForgetServer(uint32_t tag) {
  if (contexts_[tag] == nullptr) return;
  unused_contexts_.push_back(contexts_[tag]);  // it may be the current one
  contexts_[tag] = nullptr;
  context_count_--;
}

void CoreHandle::DestroyContexts() {
  for (napi_async_context context : unused_contexts_) napi_async_destroy(env_, context);
  unused_contexts_.clear();
}

uint32_t CoreHandle::ServerOf(uint32_t record) const {
  return records_[record * kRecordWords + kRecordServer];
}

void CoreHandle::OnCleanup(napi_async_cleanup_hook_handle, void* data) {
  CoreHandle* self = static_cast<CoreHandle*>(data);
  self->core_.reset();
  self->holder_.Reset();
  self->slots_.Reset();
  self->blocks_.Reset();
  self->on_turn_.Reset();
  for (uint32_t tag = 0; tag < self->contexts_.size(); tag++) self->ForgetServer(tag);
  self->DestroyContexts();
  napi_async_destroy(self->env_, self->context_);
  uv_close(reinterpret_cast<uv_handle_t*>(&self->poll_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&self->prepare_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&self->timer_), OnClosed);
}

void CoreHandle::OnClosed(uv_handle_t* handle) {
  CoreHandle* self = static_cast<CoreHandle*>(handle->data);
  if (--self->open_handles_ > 0) return;
  napi_remove_async_cleanup_hook(self->hook_);
  delete self;
}

void CoreHandle::OnPoll(uv_poll_t* handle, int, int) {
  CoreHandle* self = static_cast<CoreHandle*>(handle->data);
  self->core_->Poll();
  self->UpdateTimer();
}

void CoreHandle::OnPrepare(uv_prepare_t* handle) {
  static_cast<CoreHandle*>(handle->data)->Flush();
}

void CoreHandle::Flush() {
  core_->Flush();
  UpdateTimer();
}

void CoreHandle::OnTimer(uv_timer_t* handle) {
  CoreHandle* self = static_cast<CoreHandle*>(handle->data);
  self->core_->Tick();
  self->UpdateTimer();
  if (self->timer_runs_) uv_timer_start(handle, OnTimer, self->core_->MsToTick(), 0);
}

// Without connections the process may sleep undisturbed, and end. With some it goes
// on, as with sockets of its own, also when nothing listens that keeps it.
void CoreHandle::UpdateTimer() {
  const bool needed = core_->has_connections();
  if (needed != timer_runs_) {
    timer_runs_ = needed;
    if (needed) {
      uv_timer_start(&timer_, OnTimer, core_->MsToTick(), 0);
    } else {
      uv_timer_stop(&timer_);
    }
  }
  KeepAlive();
}

void CoreHandle::SetRef(bool on) {
  refd_ = on;
  KeepAlive();
}

// A stream that is neither read nor written does not keep the loop of libuv alive
// (uv_is_active); neither do connections of which that is true here.
void CoreHandle::KeepAlive() {
  const bool lets_go = timer_runs_ && !(refd_ && core_->listens()) && !core_->KeepsAlive();
  const auto keep = [](auto* handle, bool on) {
    uv_handle_t* of_loop = reinterpret_cast<uv_handle_t*>(handle);
    on ? uv_ref(of_loop) : uv_unref(of_loop);
  };
  keep(&poll_, refd_ && !lets_go);
  keep(&timer_, !lets_go);
}

// One call is for one server: what is left is handed over with the next.
bool CoreHandle::Dispatch(uint32_t first, uint32_t count) {
  Napi::HandleScope scope(env_);
  if (!unused_contexts_.empty()) DestroyContexts();
  napi_async_context context = nullptr;
  if (count > 0) {
    const uint32_t tag = ServerOf(first);
    if (tag < contexts_.size()) context = contexts_[tag];
    if (context_count_ > 1) {
      uint32_t of_it = 1;
      while (of_it < count && ServerOf(first + of_it) == tag) of_it++;
      count = of_it;
    }
  }
  if (context == nullptr) context = context_;
  napi_value arguments[2];
  if (napi_create_uint32(env_, first, &arguments[0]) != napi_ok ||
      napi_create_uint32(env_, count, &arguments[1]) != napi_ok) {
    return false;
  }
  napi_value result;
  const napi_status status =
      napi_make_callback(env_, context, holder_.Value(), on_turn_.Value(), 2, arguments, &result);
  if (status == napi_ok) return true;
  bool pending = false;
  napi_is_exception_pending(env_, &pending);
  if (!pending) return false;
  napi_value error;
  if (napi_get_and_clear_last_exception(env_, &error) != napi_ok) return false;
  return napi_fatal_exception(env_, error) == napi_ok;
}

bool CoreHandle::TakeReference(uint32_t slot, const char** data, size_t* length, void** reference) {
  Napi::HandleScope scope(env_);
  napi_value array = slots_.Value();
  napi_value value;
  napi_typedarray_type type;
  void* bytes;
  if (napi_get_element(env_, array, slot, &value) != napi_ok ||
      napi_get_typedarray_info(env_, value, &type, length, &bytes, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    return false;
  }
  napi_ref ref;
  if (napi_create_reference(env_, value, 1, &ref) != napi_ok) return false;
  napi_set_element(env_, array, slot, env_.Undefined());
  *data = static_cast<const char*>(bytes);
  *reference = ref;
  return true;
}

void CoreHandle::ReleaseReference(void* reference) {
  napi_delete_reference(env_, static_cast<napi_ref>(reference));
}

char* CoreHandle::NewBlock(uint32_t slot) {
  Napi::HandleScope scope(env_);
  napi_value buffer;
  void* bytes;
  if (napi_create_buffer(env_, kBodyBlockBytes, &bytes, &buffer) != napi_ok ||
      napi_set_element(env_, blocks_.Value(), slot, buffer) != napi_ok) {
    return nullptr;
  }
  return static_cast<char*>(bytes);
}

void CoreHandle::DropBlock(uint32_t slot) {
  Napi::HandleScope scope(env_);
  napi_set_element(env_, blocks_.Value(), slot, env_.Undefined());
}

// The memory of a detached or shrunk buffer may belong to somebody else, or be
// freed. A Uint8Array over it has no bytes then, or fewer.
bool CoreHandle::HoldsReference(void* reference, const char* data, size_t length) {
  Napi::HandleScope scope(env_);
  napi_value value;
  void* bytes;
  size_t now;
  if (napi_get_reference_value(env_, static_cast<napi_ref>(reference), &value) != napi_ok ||
      napi_get_typedarray_info(env_, value, nullptr, &now, &bytes, nullptr, nullptr) != napi_ok) {
    return false;
  }
  const char* begin = static_cast<const char*>(bytes);
  return begin <= data && data + length <= begin + now;
}

}  // namespace chaussette
