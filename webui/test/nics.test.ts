import { expect, it } from 'vitest';
import { limitOf } from '../src/ui/nics';

it('keeps a limit to the byte that is shown rounded and was not touched', () => {
	expect(limitOf('9.537', 10_000_000)).toBe(10_000_000);
	expect(limitOf('9.5', 10_000_000)).toBe(9.5 * 1024 * 1024);
	expect([limitOf('', null), limitOf('', 10_000_000)]).toEqual([null, null]);
	expect(limitOf('much', null)).toBeUndefined();
});
