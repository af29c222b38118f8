"use strict";
(() => {
  const box = document.querySelector("dialog.lightbox");
  const stage = box.querySelector(".stage");
  const all = [...document.querySelectorAll("[data-zoom]")];
  let current = null;

  // The pictures of one strip belong together; arrow keys walk through them and on to the next.
  function show(button) {
    current = button;
    const image = button.querySelector("img");
    const sheet = button.querySelector(".sheet").cloneNode(true);
    sheet.style.setProperty("--ratio", image.width / image.height);
    stage.replaceChildren(sheet);
    const figure = button.closest("figure");
    const detail = button.closest("[data-detail]");
    box.querySelector(".what").textContent = image.alt;
    box.querySelector(".detail").textContent = detail ? detail.dataset.detail : "";
    if (!box.open) box.showModal();
    figure.scrollIntoView({ block: "nearest" });
  }
  function step(by) {
    const shown = all.filter((button) => button.offsetParent !== null);
    show(shown[(shown.indexOf(current) + by + shown.length) % shown.length]);
  }
  all.forEach((button) => button.addEventListener("click", () => show(button)));
  box.querySelectorAll("[data-step]").forEach((button) =>
    button.addEventListener("click", () => step(Number(button.dataset.step))));
  box.querySelector("[data-close]").addEventListener("click", () => box.close());
  box.addEventListener("click", (event) => { if (event.target === box || event.target === stage) box.close(); });
  box.addEventListener("close", () => current && current.focus());
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") step(1);
    if (event.key === "ArrowLeft") step(-1);
  });

  const copy = document.querySelector("[data-copy]");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(copy.parentElement.querySelector("code").textContent);
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
  }
})();
