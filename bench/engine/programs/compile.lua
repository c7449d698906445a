local request = ...
local max = request.limit
local customer = request.name
if max == nil then
  max = 10
end
local total = 0
local items = {}
for i = 1, max do
  local price = i * 1.21
  if price > 5 then
    price = price - 0.5
  else
    price = price + 0.25
  end
  total = total + price
  items[#items + 1] = price
end
local label = "T-" .. customer
return total, label
