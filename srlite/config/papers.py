"""Presets of the papers that srlite follows, each number with its source.

- `esrgan`: Wang et al. 2018, https://arxiv.org/abs/1809.00219, and, where the paper is
  silent, the authors' code (https://github.com/xinntao/BasicSR). The paper's smaller
  generator of 16 blocks is `generator.num_blocks=16`; pixel shuffle instead of nearest
  + convolution is `generator.upsampling=depth_to_space_x2`.
- `srgan`: Ledig et al. 2017, https://arxiv.org/abs/1609.04802.

They learn from LR pictures of one kernel, as in their papers; the odds of others are
options too (`kernels.bilinear=1`).
"""

from srlite.config.config import (
    Config,
    DiscriminatorConfig,
    KernelOdds,
    RRDBNetConfig,
    SRResNetConfig,
)
from srlite.config.stages import (
    AdversarialConfig,
    ContentConfig,
    GanConfig,
    OptimizerConfig,
    StageConfig,
)

_BICUBIC = KernelOdds(
    nearest=0, bilinear=0, bilinear_aliased=0, bicubic_aliased=0, area=0
)
_ESRGAN_GAN_OPTIMIZER = OptimizerConfig(
    learning_rate=1e-4,  # section 4.1, as its halvings
    schedule="multi_step",
    boundaries=(50_000, 100_000, 200_000, 300_000),
    beta_2=0.99,  # code
)
ESRGAN = Config(
    preset="esrgan",
    # 16,697,987 parameters.
    generator=RRDBNetConfig(
        filters=64,  # code
        growth_channels=32,  # code
        num_blocks=23,  # section 4.1
        num_dense_blocks=3,  # figure 4
        num_convolutions=5,  # figure 4
        residual_scaling=0.2,  # code
        batch_norm=False,  # section 3.1
        upsampling="nearest",  # code
        anchor=False,
        initializer_scale=0.1,  # code; section 3.1 asks for a smaller one
    ),
    discriminator=DiscriminatorConfig(
        filters=(64, 128, 256, 512, 512),  # code, as the rest
        dense_units=100,
        pooled=False,
    ),
    # Section 4.1: MATLAB's bicubic.
    kernels=_BICUBIC,
    pretrain=StageConfig(
        steps=1_000_000,  # code
        batch_size=16,  # section 4.1
        patch_size=128,  # section 4.1
        ema_decay=0.999,  # code
        freeze_batch_norm_after=None,
        pixel=1.0,
        generator_optimizer=OptimizerConfig(
            learning_rate=2e-4,  # section 4.1, as its halving
            schedule="step",
            decay_every=200_000,
            beta_2=0.99,  # code
        ),
    ),
    gan=GanConfig(
        steps=400_000,  # code
        batch_size=16,
        patch_size=128,
        ema_decay=0.999,
        freeze_batch_norm_after=None,
        pixel=1e-2,  # eta of section 4.1
        pixel_criterion="l1",  # equation 3
        content=1.0,  # equation 3
        style=None,
        adversarial=5e-3,  # lambda of section 4.1; the code also halves the loss
        content_loss=ContentConfig(
            network="vgg19",  # section 3.3: VGG19-54 before the activation
            layers=("block5_conv4",),
            # The authors' VGG19 (torchvision's) has small activations; those of the
            # caffe weights differ by 20 on average between a photo and its bicubic
            # enlargement. Divided by it, the loss starts near 1 as theirs does, so
            # that the three weights mean what they mean in the paper.
            layer_scales=(20.0,),
            criterion="l1",  # code
            before_activation=True,
        ),
        generator_optimizer=_ESRGAN_GAN_OPTIMIZER,
        discriminator_optimizer=_ESRGAN_GAN_OPTIMIZER,
    ),
)

_SRGAN_GAN_OPTIMIZER = OptimizerConfig(
    learning_rate=1e-4,  # section 3.2: 1e5 steps at 1e-4, 1e5 at 1e-5
    schedule="multi_step",
    boundaries=(100_000,),
    decay_factor=0.1,
    beta_1=0.9,  # section 3.2
)
SRGAN = Config(
    preset="srgan",
    # 1,552,771 parameters; figure 4.
    generator=SRResNetConfig(filters=64, num_blocks=16),
    discriminator=DiscriminatorConfig(  # figure 4
        filters=(64, 128, 256, 512),
        dense_units=1024,
        strided_kernel_size=3,
        pooled=False,
    ),
    # Section 3.2: bicubic.
    kernels=_BICUBIC,
    pretrain=StageConfig(
        steps=1_000_000,  # section 3.2, as the next two
        batch_size=16,
        patch_size=96,
        ema_decay=0.0,  # the paper averages no weights
        freeze_batch_norm_after=None,
        pixel=1.0,
        pixel_criterion="l2",  # equation 4
        generator_optimizer=OptimizerConfig(learning_rate=1e-4),  # section 3.2
    ),
    gan=GanConfig(
        steps=200_000,  # section 3.2
        batch_size=16,
        patch_size=96,
        ema_decay=0.0,
        freeze_batch_norm_after=None,
        pixel=0.0,
        pixel_criterion="l2",
        content=1.0,  # equation 3
        style=None,
        adversarial=1e-3,  # equation 3
        adversarial_loss=AdversarialConfig(
            kind="standard",  # equation 6
            # Around 0.1: a discriminator that is never sure keeps teaching. After
            # Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.4.
            fake_labels=(0.0, 0.2),
        ),
        content_loss=ContentConfig(
            network="vgg19",  # section 3.2: VGG54, after the activation
            layers=("block5_conv4",),
            # Section 3.2. With the caffe weights the loss is then 0.18 between a photo
            # and its bicubic enlargement (24 crops of Kodak's pictures).
            layer_scales=(12.75,),
            criterion="l2",  # equation 5
            before_activation=False,
        ),
        generator_optimizer=_SRGAN_GAN_OPTIMIZER,
        discriminator_optimizer=_SRGAN_GAN_OPTIMIZER,
    ),
)
