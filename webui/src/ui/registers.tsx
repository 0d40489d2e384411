/** Registers of virtual CPUs, of now or of a crash. */

export function Registers({ vcpus }: { vcpus: { vcpu: number; registers: Record<string, string> }[] }) {
	return (
		<>
			{vcpus.map(({ vcpu, registers }) => (
				<details key={vcpu} class="registers" open={vcpus.length === 1}>
					<summary>Registers of vCPU {vcpu}</summary>
					<dl>
						{Object.entries(registers).map(([name, value]) => (
							<div key={name}><dt>{name}</dt><dd><code>{value}</code></dd></div>
						))}
					</dl>
				</details>
			))}
		</>
	);
}
