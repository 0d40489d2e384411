/** What a file's name says about an image. */

import type { ImageKind } from '../api/types';

const MAX_NAME = 63;

/** @returns @p file as a name that the appliance accepts, or '' when nothing of it is left. */
export function imageName(file: string): string {
	return file
		.replace(/[^A-Za-z0-9 ._-]+/g, '-')
		.replace(/^[^A-Za-z0-9]+/, '')
		.slice(0, MAX_NAME)
		.trimEnd();
}

export function guessKind(file: string): ImageKind {
	if (/\.iso$/i.test(file))
		return 'iso';
	if (/\.(img|raw)$/i.test(file) && !/init|ramfs|ramdisk|rootfs/i.test(file))
		return 'disk';
	return /init|ramfs|ramdisk|rootfs|\.cpio/i.test(file) ? 'initrd' : 'kernel';
}
