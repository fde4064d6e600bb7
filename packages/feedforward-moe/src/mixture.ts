import type { ActivationName } from '@tessera/ops';
import { activationNames, gatedExperts, gatedFeedForward, linear } from '@tessera/ops';
import type { FeedForward } from '@tessera/plugin';
import { bias, bool, fields, int, linearWeight, normal, number, oneOf, optional } from '@tessera/plugin';
import type { Field, ParamSpec } from '@tessera/plugin';
import { add, mul, randomUniform, reshape, sigmoid } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { balanceLoss, logitLoss, routerBalance } from './losses.ts';
import { checkRouter, routerFields } from './router-config.ts';
import type { RouterConfig } from './router-config.ts';
import { route } from './router.ts';

/** An expert that every token passes. */
export interface SharedExpertConfig {
  /** Its inner width: of several shared experts, the sum of theirs. */
  readonly hidden: number;
  /** Its output is multiplied by σ(x w), one number a token. @defaultValue false */
  readonly gate?: boolean;
  /** @defaultValue false */
  readonly bias?: boolean;
}

/** Settings of {@link mixture}. */
export interface MixtureConfig {
  /** E, routed experts. */
  readonly experts: number;
  /** k, experts of a token. */
  readonly expertsPerToken: number;
  /** F, the inner width of a routed expert. */
  readonly hidden: number;
  /** Function of the gates. @defaultValue 'silu' */
  readonly activation?: ActivationName;
  readonly router?: RouterConfig;
  /** @defaultValue none */
  readonly shared?: SharedExpertConfig;
  /** α, weight of the loss of balance in training, see {@link balanceLoss}. @defaultValue 0 */
  readonly balance?: number;
  /**
   * `layer`: each router has a loss of balance of its own. `stack`: all routers of a stack have one together, of their mean loads and
   * scores. @defaultValue 'layer'
   */
  readonly balanceOver?: 'layer' | 'stack';
  /** λ, weight of the loss of large logits in training, see {@link logitLoss}. @defaultValue 0 */
  readonly zLoss?: number;
}

/** Learned tensors of {@link mixture}. */
export interface MixtureParams {
  /** `[E, D]`, kept in f32. */
  readonly router: Tensor;
  /** `[E]`: added to scores where experts are chosen. It has no gradient. */
  readonly router_bias?: Tensor;
  /** `[E, F, D]` */
  readonly gate_proj: Tensor;
  /** `[E, F, D]` */
  readonly up_proj: Tensor;
  /** `[E, D, F]` */
  readonly down_proj: Tensor;
  /** `[shared, D]` */
  readonly shared_gate_proj?: Tensor;
  /** `[shared, D]` */
  readonly shared_up_proj?: Tensor;
  /** `[D, shared]` */
  readonly shared_down_proj?: Tensor;
  /** `[shared]` */
  readonly shared_gate_bias?: Tensor;
  /** `[shared]` */
  readonly shared_up_bias?: Tensor;
  /** `[D]` */
  readonly shared_down_bias?: Tensor;
  /** `[1, D]` */
  readonly shared_gate?: Tensor;
}

function expertWeights(experts: number, out: number, input: number): ParamSpec {
  return { shape: [experts, out, input], init: normal(input ** -0.5) };
}

/**
 * Mixture of experts: a router sends each token through k of E gated feed-forwards, and through a shared one if there is one.
 *
 * y_t = Σ_{e ∈ K_t} w_te f_e(x_t) + f_shared(x_t), f(x) = (act(x W_gᵀ) ⊙ x W_uᵀ) W_dᵀ
 *
 * No token is dropped, and none depends on what others chose.
 * @see Shazeer et al. 2017, arXiv:1701.06538; shared and fine-grained experts: Dai et al. 2024, arXiv:2401.06066; selection by a
 * bias: Wang et al. 2024, arXiv:2408.15664.
 */
export const mixture: FeedForward<MixtureConfig, MixtureParams> = {
  contract: 'feed-forward/1',
  name: '@tessera/feedforward-moe:mixture',
  config: fields<MixtureConfig>({
    experts: int({ min: 1 }),
    expertsPerToken: int({ min: 1 }),
    hidden: int({ min: 1 }),
    activation: oneOf(activationNames, { default: 'silu' }),
    router: routerFields,
    shared: optional(
      fields<SharedExpertConfig>({
        hidden: int({ min: 1 }),
        gate: bool({ default: false }),
        bias: bool({ default: false }),
      }),
    ) as Field<SharedExpertConfig | undefined>,
    balance: number({ min: 0, default: 0 }),
    balanceOver: oneOf(['layer', 'stack'], { default: 'layer' }),
    zLoss: number({ min: 0, default: 0 }),
  }),
  params({ config, dModel: D }) {
    const { experts: E, expertsPerToken: chosen, hidden: F, router } = config;
    const shared = config.shared as SharedExpertConfig | undefined;
    checkRouter(router, { experts: E, chosen });
    return {
      router: { ...linearWeight(E, D), precise: true },
      ...(router.selectionBias && { router_bias: bias(E) }),
      gate_proj: expertWeights(E, F, D),
      up_proj: expertWeights(E, F, D),
      down_proj: expertWeights(E, D, F),
      ...(shared && {
        shared_gate_proj: linearWeight(shared.hidden, D),
        shared_up_proj: linearWeight(shared.hidden, D),
        shared_down_proj: linearWeight(D, shared.hidden),
        ...(shared.bias && {
          shared_gate_bias: bias(shared.hidden),
          shared_up_bias: bias(shared.hidden),
          shared_down_bias: bias(D),
        }),
        ...(shared.gate && { shared_gate: linearWeight(1, D) }),
      }),
    };
  },
  forward({ params: p, config, x: given, training = false, random }) {
    const { expertsPerToken: k, activation, balance, balanceOver, zLoss } = config;
    const router = config.router as Required<RouterConfig>;
    const D = given.shape.at(-1)!;
    const rows = reshape(given, [given.size / D, D]);
    const shaken = training && random !== undefined && router.jitter > 0;
    const x = shaken
      ? mul(rows, add(mul(randomUniform(random, rows.shape), 2 * router.jitter), 1 - router.jitter))
      : rows;
    const logits = linear(x, p.router);
    const { experts, weights, scores } = route(logits, router, k, p.router_bias);
    const routed = gatedExperts({
      x,
      experts,
      weights,
      gate: p.gate_proj,
      up: p.up_proj,
      down: p.down_proj,
      activation,
    });
    const y = reshape(p.shared_down_proj ? add(routed, sharedExpert(p, x, activation)) : routed, given.shape);
    if (!training) return { y };
    const losses = [
      ...(balance > 0 && balanceOver === 'layer' ? [mul(balanceLoss(scores, experts), balance)] : []),
      ...(zLoss > 0 ? [mul(logitLoss(logits), zLoss)] : []),
    ];
    return {
      y,
      ...(losses.length > 0 && { aux: losses.reduce((total, loss) => add(total, loss)) }),
      ...(balance > 0 &&
        balanceOver === 'stack' && { balance: { ...routerBalance(scores, experts), weight: balance } }),
    };
  },
};

function sharedExpert(p: MixtureParams, x: Tensor, activation: ActivationName): Tensor {
  const y = gatedFeedForward(
    x,
    {
      gate: p.shared_gate_proj!,
      up: p.shared_up_proj!,
      down: p.shared_down_proj!,
      gateBias: p.shared_gate_bias,
      upBias: p.shared_up_bias,
      downBias: p.shared_down_bias,
    },
    activation,
  );
  return p.shared_gate ? mul(sigmoid(linear(x, p.shared_gate)), y) : y;
}
