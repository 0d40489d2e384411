import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/**
 * xterm puts its rules into <style> elements and style attributes, which the appliance's
 * content security policy forbids. The same rules are allowed as constructed style sheets
 * and through the CSSOM, so the four places are rewritten here; should another release of
 * xterm have more or fewer of them, the build stops.
 */
function xtermUnderCsp(): Plugin {
	const styleElement = /[\w$.]+\.createElement\("style"\)/g;
	const styleAttribute = /(\w+)\.setAttribute\("style",`\$\{\1\.getAttribute\("style"\)\|\|""\}\$\{(\w+)\};`\)/g;

	return {
		name: 'xterm-under-csp',
		enforce: 'pre',
		transform(code, id) {
			if (!/@xterm\/xterm\/lib\/xterm\.mjs/.test(id))
				return null;
			let elements = 0;
			let attributes = 0;
			const changed = code
				.replace(styleElement, () => (elements++, 'domusStyleElement()'))
				.replace(styleAttribute, (_m, node: string, css: string) =>
					(attributes++, `(${node}.style.cssText+=${css}+";")`));
			if (elements !== 3 || attributes !== 1)
				this.error(`xterm changed: ${elements} style elements, ${attributes} attributes`);
			return {
				code: `import{styleElement as domusStyleElement}from"/src/console/style-element.ts";\n${changed}`,
				map: null,
			};
		},
	};
}

/** Write NAME.gz beside every text file of the build, for a server that only copies bytes. */
function gzipSiblings(): Plugin {
	return {
		name: 'gzip-siblings',
		apply: 'build',
		/* Only what lies on disk is final: Vite itself still edits chunks in generateBundle. */
		writeBundle(options, bundle) {
			for (const name of Object.keys(bundle)) {
				const path = join(options.dir ?? '.', name);
				if (/\.(js|css|html|svg|json|webmanifest)$/.test(name))
					writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
			}
		},
	};
}

export default defineConfig({
	plugins: [xtermUnderCsp(), gzipSiblings()],
	esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
	optimizeDeps: { exclude: ['@xterm/xterm'] },
	build: {
		target: 'es2022',
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		reportCompressedSize: false,
		chunkSizeWarningLimit: 700,
	},
	server: {
		proxy: {
			'/api': { target: process.env['DOMUS_URL'] ?? 'http://127.0.0.1:8080', secure: false },
			'/console': { target: process.env['DOMUS_URL'] ?? 'http://127.0.0.1:8080', secure: false, ws: true },
		},
	},
});
