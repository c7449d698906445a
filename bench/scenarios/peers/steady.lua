-- This file holds the job of the profile steady as a handler for nginx with LuaJIT:
-- the body's JSON, a parameter of it, a branch, arithmetic, an answer in JSON of the
-- shape that AVAP's has.
local cjson = require "cjson.safe"

local decode, encode = cjson.decode, cjson.encode
local read_body, get_body_data = ngx.req.read_body, ngx.req.get_body_data
local print, exit = ngx.print, ngx.exit
local header = ngx.header

local _M = {}

function _M.answer()
  read_body()
  local body = get_body_data()
  local request = body and decode(body)
  local max = type(request) == "table" and tonumber(request.limit)
  if not max then
    return exit(400)
  end
  local total
  if max > 10 then
    total = max * 1.21
  else
    total = max + 5
  end
  local label = "T-" .. max
  local answer = encode({
    success = true,
    result = { total = total, label = label },
    variables = { max = max, total = total, label = label },
  })
  header["Content-Length"] = #answer -- else it would be sent in chunks
  print(answer)
end

return _M
