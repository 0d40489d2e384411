#!/usr/bin/python3
"""Build the web UI into OUT/dist, without touching the source tree.

Called by meson with the folders and files it needs to know; writes a depfile, so that it runs again
only when a source, the lock file or the API document has changed. Packages are installed only when
the lock file has changed, from npm's cache as far as it has them.
"""

import argparse
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

BUDGET = 60_000
SKIPPED = {'node_modules', 'dist', 'meson.build', 'build.py', '.gitignore', 'schema.d.ts'}


def sources(root):
	"""Every file of the UI's sources, as paths relative to ROOT."""
	for path in sorted(root.iterdir()):
		if path.name in SKIPPED:
			continue
		if path.is_dir():
			yield from (path.name / p for p in sources(path))
		else:
			yield pathlib.Path(path.name)


def mirror(source, work):
	"""Make WORK a copy of SOURCE; what SOURCE no longer has goes. Return the files."""
	files = list(sources(source))
	for path in files:
		target = work / path
		target.parent.mkdir(parents=True, exist_ok=True)
		if not target.exists() or target.read_bytes() != (source / path).read_bytes():
			shutil.copyfile(source / path, target)
	for path in set(sources(work)) - set(files):
		(work / path).unlink()
	return files


def run(work, *command):
	"""Run COMMAND in WORK; its output is shown only when it fails."""
	done = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, text=True,
			      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
	if done.returncode:
		sys.stderr.write(f'webui: {" ".join(command)} failed\n{done.stdout}')
		sys.exit(1)


def install(work):
	"""Install the packages of the lock file, unless they are there already."""
	digest = hashlib.sha256((work / 'package-lock.json').read_bytes()).hexdigest()
	stamp = work / 'node_modules' / '.domus-lock'
	if stamp.exists() and stamp.read_text() == digest:
		return
	run(work, 'npm', 'ci', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund')
	stamp.write_text(digest)


def check_size(dist):
	"""The first load is the page and what it names itself; it has a budget."""
	page = (dist / 'index.html').read_text()
	names = re.findall(r'(?:src|href)="/([^"]+)"', page)
	total = sum((dist / f'{name}.gz').stat().st_size for name in ['index.html', *names])
	if total > BUDGET:
		sys.exit(f'webui: the first load is {total} bytes, more than {BUDGET}')


def write_depfile(path, stamp, source, files, api):
	"""Folders are in it too: their time changes when a file comes or goes."""
	folders = {source / p.parent for p in files}
	needed = [*(source / p for p in files), *folders, api]
	path.write_text(f'{stamp}: ' + ' '.join(str(p).replace(' ', '\\ ') for p in needed) + '\n')


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	for name in ('source', 'out', 'api', 'stamp', 'depfile'):
		parser.add_argument(f'--{name}', type=pathlib.Path, required=True)
	args = parser.parse_args()
	out = args.out.resolve()
	work = out / 'work'
	dist = out / 'dist'
	fresh = out / 'dist.new'

	files = mirror(args.source, work)
	install(work)
	run(work, 'node', 'tools/types.mjs', str(args.api.resolve()))
	run(work, 'node', 'node_modules/typescript/bin/tsc', '--noEmit')
	run(work, 'node', 'node_modules/vite/bin/vite.js', 'build', '--outDir', str(fresh), '--emptyOutDir')
	check_size(fresh)
	shutil.rmtree(dist, ignore_errors=True)
	fresh.rename(dist)
	write_depfile(args.depfile, args.stamp, args.source.resolve(), files, args.api.resolve())
	args.stamp.touch()


main()
