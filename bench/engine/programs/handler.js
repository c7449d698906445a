(function (request) {
  const max = request.limit;
  let total;
  if (max > 10) {
    total = max * 1.21;
  } else {
    total = max + 5;
  }
  return { total: total, label: "T-" + max };
})
