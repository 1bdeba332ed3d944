-- A POST with a body of as many bytes as the first argument says.
init = function(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.body = string.rep("x", tonumber(args[1]))
  prepared = wrk.format()
end

request = function() return prepared end
