/**
 * A stand-in for the <style> elements that xterm makes. The content security policy of the
 * appliance forbids those, but not style sheets that a script constructs.
 */
export function styleElement(): HTMLElement {
	const element = document.createElement('span');
	const sheet = new CSSStyleSheet();
	let text = '';
	element.hidden = true;
	Object.defineProperty(element, 'textContent', {
		get: () => text,
		set(css: string) {
			text = css;
			sheet.replaceSync(css);
			if (!document.adoptedStyleSheets.includes(sheet))
				document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
		},
	});
	element.remove = () => {
		document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
		Element.prototype.remove.call(element);
	};
	return element;
}
