-- One row of 16 features for one of N models, as an Open Inference Protocol v2 body of one tensor.
--   wrk -s peer-row.lua URL -- N
local body, models
local headers = { ['Content-Type'] = 'application/json' }

init = function(args)
  models = tonumber(args[1])
  local values = {}
  for i = 0, 15 do
    values[#values + 1] = string.format('%.3f', i * 1.237 - 7)
  end
  body = '{"inputs":[{"name":"features","shape":[1,16],"datatype":"FP32","data":['
    .. table.concat(values, ',') .. ']}]}'
  math.randomseed(7)
end

request = function()
  local path = string.format('/v2/models/bench.m%05d/infer', math.random(0, models - 1))
  return wrk.format('POST', path, headers, body)
end
