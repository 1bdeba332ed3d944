-- Sixteen requests in one write.
init = function()
  local requests = {}
  for i = 1, 16 do requests[i] = wrk.format("GET", wrk.path) end
  pipelined = table.concat(requests)
end

request = function() return pipelined end
