local request = ...
local max = request.limit
local total
if max > 10 then
  total = max * 1.21
else
  total = max + 5
end
return total, "T-" .. max
