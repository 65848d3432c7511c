// Every text that can be seen and has less than `least` contrast with what lies behind it (WCAG 2.2, 1.4.3).
(least) => {
  const channels = (text) => (text.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const over = (front, back) => {
    const alpha = front[3] ?? 1;
    return [0, 1, 2].map((i) => front[i] * alpha + back[i] * (1 - alpha));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, two) => {
    const [a, b] = [light(one), light(two)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const behind = (element, node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = [...range.getClientRects()].find((each) => each.width > 1); // its first line
    const stack = document.elementsFromPoint(box.left + Math.min(box.width / 2, 20), box.top + box.height / 2);
    const place = stack.indexOf(element);
    if (place < 0) return [NaN, NaN, NaN]; // something covers the text
    let ground = [255, 255, 255];
    for (const layer of stack.slice(place + (element instanceof SVGElement ? 1 : 0)).reverse()) {
      const style = getComputedStyle(layer);
      const shape = layer instanceof SVGGeometryElement && style.fill !== "none";
      const paint = shape ? style.fill : layer instanceof SVGElement ? null : style.backgroundColor;
      if (paint) ground = over(channels(paint), ground);
    }
    return ground;
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("template, title, noscript")) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    element.scrollIntoView({ block: "center", behavior: "instant" });
    const style = getComputedStyle(element);
    const ground = behind(element, walker.currentNode);
    const text = over(channels(element instanceof SVGElement ? style.fill : style.color), ground);
    const ratio = contrast(text, ground);
    if (!(ratio >= least)) poor.push(`${ratio.toFixed(2)} ${walker.currentNode.textContent.trim()} on ${ground.map(Math.round)}`);
  }
  return poor;
};
