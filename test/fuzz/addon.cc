// Lets libFuzzer run inside the Node process, because the llhttp that the core uses is there and nowhere else.
// fuzz(arguments): does not return; libFuzzer ends the process.
#include <node_api.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz_target.h"

extern "C" int LLVMFuzzerRunDriver(int* argc, char*** argv,
                                   int (*callback)(const uint8_t* data, size_t size));

namespace chaussette {

const LlhttpFunctions& Llhttp() {
  static LlhttpFunctions functions;
  static const char* problem = LoadLlhttp(&functions);
  if (problem != nullptr) Fail(problem);
  return functions;
}

void Fail(const char* what) {
  fprintf(stderr, "fuzz: %s\n", what);
  abort();
}

}  // namespace chaussette

namespace {

napi_value Fuzz(napi_env env, napi_callback_info info) {
  napi_value list;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &list, nullptr, nullptr);
  uint32_t length = 0;
  napi_get_array_length(env, list, &length);
  std::vector<std::string> words{"fuzz"};
  for (uint32_t i = 0; i < length; i++) {
    napi_value item;
    char text[4096];
    size_t n = 0;
    napi_get_element(env, list, i, &item);
    napi_get_value_string_utf8(env, item, text, sizeof(text), &n);
    words.emplace_back(text, n);
  }
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  int argc = static_cast<int>(words.size());
  char** argv = pointers.data();
  chaussette::Llhttp();
  _exit(LLVMFuzzerRunDriver(&argc, &argv, chaussette::FuzzOne));
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "fuzz", NAPI_AUTO_LENGTH, Fuzz, nullptr, &function);
  napi_set_named_property(env, exports, "fuzz", function);
  return exports;
}
