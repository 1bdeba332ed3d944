{
  "variables": { "sanitize%": "" },
  "targets": [
    {
      "target_name": "chaussette",
      "sources": ["<!@(cat native/sources.txt)"],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")", "native"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags": ["-Wall", "-Wextra", "-Wno-unused-parameter", "-fvisibility=hidden", "-ffunction-sections"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fno-rtti", "-fno-exceptions"],
      "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti"],
      "ldflags": ["-Wl,--gc-sections"],
      "configurations": {
        "Release": { "cflags": ["-O3"], "cflags!": ["-O2"] }
      },
      "conditions": [
        ["sanitize!=''", {
          "cflags": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-g", "-O1"],
          "cflags!": ["-O3"],
          "ldflags": ["-fsanitize=<(sanitize)"]
        }]
      ]
    }
  ]
}
