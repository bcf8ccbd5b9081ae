// What the page needs a hand for: two things that Gradio says or does in its own way.
(function (LABELS) {
  "use strict";

  const words = () => LABELS[/^zh/i.test(document.documentElement.lang) ? "zh" : "en"];

  // A picture that came from another tab is seen from its beginning.
  class CameFrom extends HTMLElement {
    connectedCallback() {
      window.scrollTo(0, 0);
      for (const dials of document.querySelectorAll(".dials")) dials.scrollTop = 0;
    }
  }
  customElements.define("came-from", CameFrom);

  // Gradio refuses a file of another type in the browser already, and in English whatever the page's language is.
  const REFUSED = /^Invalid file types?: (.*)\. Only (.*) allowed\.$/;
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (!(node instanceof Element) || !node.closest(".toast-wrap")) continue;
        for (const text of [node, ...node.querySelectorAll("*")]) {
          if (text.childElementCount) continue;
          const title = words().titles[text.textContent.trim()]; // "Error" alone helps nobody
          if (title) text.textContent = title;
          const found = REFUSED.exec(text.textContent.trim());
          if (found) text.textContent = words().refused.replace("{files}", () => found[1]).replace("{kinds}", () => found[2]);
        }
      }
    }
  }).observe(document, { childList: true, subtree: true });
})
