(function (request) {
  let max = request.limit;
  const customer = request.name;
  if (max === undefined) {
    max = 10;
  }
  let total = 0;
  const items = [];
  for (let i = 1; i <= max; i++) {
    let price = i * 1.21;
    if (price > 5) {
      price = price - 0.5;
    } else {
      price = price + 0.25;
    }
    total = total + price;
    items.push(price);
  }
  return { total: total, label: "T-" + customer };
})
