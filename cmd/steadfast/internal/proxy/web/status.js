// Replaces the parts of the page that have changed, once a second.
"use strict";

const page = document.documentElement;
const source = new EventSource("/-/events?view=page");

source.addEventListener("page", (event) => {
	const fresh = new DOMParser().parseFromString(event.data, "text/html");
	for (const part of fresh.querySelectorAll("[data-part]")) {
		const shown = document.querySelector(`[data-part="${part.dataset.part}"]`);
		if (shown !== null && shown.innerHTML !== part.innerHTML) {
			shown.innerHTML = part.innerHTML;
		}
	}
	page.dataset.live = "yes";
});

source.addEventListener("error", () => {
	page.dataset.live = "no"; // it tries again by itself
});
