import type { RegroupRule, TensorRule } from '@tessera/plugin';
import type { PresentBelow, PublishedPart } from '../published-model.ts';

/** Settings of a mixture of experts in a spec. */
export interface MixtureSettings {
  readonly experts: number;
  readonly expertsPerToken: number;
  /** Inner width of an expert. */
  readonly hidden: number;
  readonly activation: string;
  /** As in a spec, without what is the default. */
  readonly router: {
    readonly scores?: 'sigmoid';
    readonly selectionBias?: true;
    readonly groups?: { readonly count: number; readonly chosen: number; readonly by: 'best' | 'best-two' };
    readonly normalize?: true;
    readonly normalizeEps?: number;
    readonly scale?: number;
    readonly jitter?: number;
  };
  readonly shared?: { readonly hidden: number; readonly gate?: true; readonly bias?: boolean } | undefined;
  /** Weight of the loss of balance over all layers. */
  readonly balance?: number | undefined;
}

/** How the tensors of a mixture of experts are published. */
export interface MixtureTensors {
  /** Maps of one expert, below `experts.N`. @defaultValue gate_proj, up_proj, down_proj */
  readonly expert?: { readonly gate: string; readonly up: string; readonly down: string };
  /** The shared expert. @defaultValue 'shared_experts' */
  readonly shared?: string;
}

const ownNames = { gate: 'gate_proj', up: 'up_proj', down: 'down_proj' };

/**
 * Mixture of experts. Files hold tensors of each expert, with gate and up in one or not, or those of all experts in one tensor:
 * what is present decides.
 */
export function mixturePart(
  settings: MixtureSettings,
  { dModel, ...tensors }: MixtureTensors & { readonly dModel: number },
): PublishedPart {
  const { activation, router, shared, balance, ...sizes } = settings;
  return {
    spec: {
      type: '@tessera/feedforward-moe:mixture',
      config: {
        ...sizes,
        ...(activation !== 'silu' && { activation }),
        router,
        ...(shared && { shared }),
        ...(balance !== undefined && { balance, balanceOver: 'stack' }),
      },
    },
    rules: (present) => [
      rename('gate.weight', 'router'),
      ...(router.selectionBias ? [rename('gate.e_score_correction_bias', 'router_bias')] : []),
      ...expertRules(settings, dModel, tensors.expert ?? ownNames, present),
      ...(shared ? sharedRules(shared, tensors.shared ?? 'shared_experts') : []),
    ],
  };
}

function expertRules(
  { experts, hidden }: MixtureSettings,
  dModel: number,
  { gate, up, down }: NonNullable<MixtureTensors['expert']>,
  present: PresentBelow,
): TensorRule[] {
  const stacked = (name: string, ours: readonly string[], rows: number): TensorRule => ({
    kind: 'regroup',
    published: Array.from({ length: experts }, (_, e) => `experts.${e}.${name}.weight`),
    rows: Array.from({ length: experts }, () => ours.length * rows),
    ours,
    sizes: ours.map(() => rows),
    blocks: experts,
    stacked: 'ours',
  });
  const packed = (name: string, ours: readonly string[], rows: number): TensorRule => ({
    ...(stacked(name, ours, rows) as RegroupRule),
    published: [`experts.${name}`],
    rows: [experts * ours.length * rows],
    stacked: 'both',
  });
  const both = ['gate_proj', 'up_proj'];
  if (present('experts.gate_up_proj'))
    return [packed('gate_up_proj', both, hidden), packed('down_proj', ['down_proj'], dModel)];
  const last = stacked(down, ['down_proj'], dModel);
  if (present('experts.0.gate_up_proj.weight')) return [stacked('gate_up_proj', both, hidden), last];
  return [stacked(gate, ['gate_proj'], hidden), stacked(up, ['up_proj'], hidden), last];
}

function sharedRules({ gate, bias }: NonNullable<MixtureSettings['shared']>, name: string): TensorRule[] {
  return [
    ...['gate', 'up', 'down'].flatMap((map) => [
      rename(`${name}.${map}_proj.weight`, `shared_${map}_proj`),
      ...(bias ? [rename(`${name}.${map}_proj.bias`, `shared_${map}_bias`)] : []),
    ]),
    ...(gate ? [rename(`${name}_gate.weight`, 'shared_gate')] : []),
  ];
}

function rename(published: string, ours: string): TensorRule {
  return { kind: 'rename', published, ours };
}
