/** What the appliance answers, as api/openapi.yaml says it (schema.d.ts is made from that). */

import type { components } from './schema';

type Schemas = components['schemas'];

export type Vm = Schemas['Vm'];
export type VmState = Schemas['VmState'];
export type VmActionHow = Schemas['VmAction'];
export type VmCreate = Schemas['VmCreate'];
export type VmStats = Schemas['VmStats'];
export type VmDebug = Schemas['VmDebug'];
export type VmPatch = Schemas['VmPatch'];
export type Image = Schemas['Image'];
export type ImageKind = Schemas['ImageKind'];
export type Volume = Schemas['Volume'];
export type VolumeCreate = Schemas['VolumeCreate'];
export type VolumePatch = Schemas['VolumePatch'];
export type Storage = Schemas['Storage'];
export type Disk = Schemas['Disk'];
export type DiskCreate = Schemas['DiskCreate'];
export type Network = Schemas['Network'];
export type NetworkCreate = Schemas['NetworkCreate'];
export type NetworkPatch = Schemas['NetworkPatch'];
export type Nic = Schemas['Nic'];
export type NicCreate = Schemas['NicCreate'];
export type NicPatch = Schemas['NicPatch'];
export type NicStatus = Schemas['NicStatus'];
export type NicCounters = Schemas['NicCounters'];
export type Task = Schemas['Task'];
export type TaskStatus = Schemas['TaskStatus'];
export type Host = Schemas['Host'];
export type Session = Schemas['Session'];
export type Token = Schemas['Token'];
export type TokenCreate = Schemas['TokenCreate'];
export type TokenCreated = Schemas['TokenCreated'];
export type Ticket = Schemas['Ticket'];
export type Problem = Schemas['Problem'];
export type FieldError = Schemas['FieldError'];
export type Event = Schemas['Event'];

export interface Page<T> {
	items: T[];
	next_cursor: string | null;
}
