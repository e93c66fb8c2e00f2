package recipes

import (
	"maps"

	"selfsup/methods"
	"selfsup/methods/audio"
	"selfsup/methods/contrastive"
	"selfsup/methods/control"
	"selfsup/methods/correlation"
	"selfsup/methods/crossmodal"
	"selfsup/methods/dense"
	"selfsup/methods/distillation"
	"selfsup/methods/equivariant"
	"selfsup/methods/masked"
	"selfsup/methods/origins"
	"selfsup/methods/tabular"
	"selfsup/methods/text"
	"selfsup/methods/video"
)

// family is methods by name, as [method.NAME] has it.
type family = map[string]func() methods.Method

// builtinMethods are the methods of this module, one map for each folder of methods/.
func builtinMethods() family {
	all := family{"supervised": func() methods.Method { return methods.DefaultSupervised() }}
	for _, f := range []family{
		originsFamily, contrastiveFamily, distillationFamily, correlationFamily, maskedFamily,
		equivariantFamily, denseFamily, crossmodalFamily, tabularFamily, textFamily, audioFamily,
		videoFamily, controlFamily,
	} {
		maps.Copy(all, f)
	}
	return all
}

var originsFamily = family{
	"bigan":    func() methods.Method { return origins.DefaultBiGAN() },
	"rbm":      func() methods.Method { return origins.DefaultRBM() },
	"rotation": func() methods.Method { return origins.DefaultRotation() },

	// autoencoders and their halves
	"autoencoder":           func() methods.Method { return origins.DefaultAutoencoder() },
	"colorization":          func() methods.Method { return origins.DefaultColorization() },
	"gan_features":          func() methods.Method { return origins.DefaultGANFeatures() },
	"layerwise_autoencoder": func() methods.Method { return origins.DefaultLayerwiseAutoencoder() },
	"split_brain":           func() methods.Method { return origins.DefaultSplitBrain() },
	"vae":                   func() methods.Method { return origins.DefaultVAE() },

	// puzzles of tiles
	"counting":       func() methods.Method { return origins.DefaultCounting() },
	"jigsaw":         func() methods.Method { return origins.DefaultJigsaw() },
	"relative_patch": func() methods.Method { return origins.DefaultRelativePatch() },
}

var contrastiveFamily = family{
	"amdim":     func() methods.Method { return contrastive.DefaultAMDIM() },
	"cmc":       func() methods.Method { return contrastive.DefaultCMC() },
	"cpc_image": func() methods.Method { return contrastive.DefaultCPCImage() },
	"isd":       func() methods.Method { return contrastive.DefaultISD() },
	"mochi":     func() methods.Method { return contrastive.DefaultMoCHi() },
	"moco":      func() methods.Method { return contrastive.DefaultMoCo() },
	"mocov3":    func() methods.Method { return contrastive.DefaultMoCoV3() },
	"msf":       func() methods.Method { return contrastive.DefaultMSF() },
	"nnclr":     func() methods.Method { return contrastive.DefaultNNCLR() },
	"npid":      func() methods.Method { return contrastive.DefaultNPID() },
	"pcl":       func() methods.Method { return contrastive.DefaultPCL() },
	"pirl":      func() methods.Method { return contrastive.DefaultPIRL() },
	"ressl":     func() methods.Method { return contrastive.DefaultReSSL() },
	"simclr":    func() methods.Method { return contrastive.DefaultSimCLR() },
	"sscd":      func() methods.Method { return contrastive.DefaultSSCD() },
	"univcl":    func() methods.Method { return contrastive.DefaultUniVCL() },

	// of one batch, without memories
	"align_uniform":    func() methods.Method { return contrastive.DefaultAlignUniform() },
	"alpha_cl":         func() methods.Method { return contrastive.DefaultAlphaCL() },
	"dcl":              func() methods.Method { return contrastive.DefaultDCL() },
	"dclw":             func() methods.Method { return contrastive.DefaultDCLW() },
	"directclr":        func() methods.Method { return contrastive.DefaultDirectCLR() },
	"dual_temperature": func() methods.Method { return contrastive.DefaultDualTemperature() },
	"hcl":              func() methods.Method { return contrastive.DefaultHCL() },
	"macl":             func() methods.Method { return contrastive.DefaultMACL() },
	"margin":           func() methods.Method { return contrastive.DefaultMargin() },
	"mugs_instance":    func() methods.Method { return contrastive.DefaultMugsInstance() },
	"nca":              func() methods.Method { return contrastive.DefaultNCA() },
	"phi_psi":          func() methods.Method { return contrastive.DefaultPhiPsi() },
	"relic":            func() methods.Method { return contrastive.DefaultReLIC() },
	"simclr_multiview": func() methods.Method { return contrastive.DefaultSimCLRMultiview() },
	"ssl_hsic":         func() methods.Method { return contrastive.DefaultSSLHSIC() },
	"supcon":           func() methods.Method { return contrastive.DefaultSupCon() },
	"triplet":          func() methods.Method { return contrastive.DefaultTriplet() },

	// of exemplars, augmentations and time
	"exemplar": func() methods.Method { return contrastive.DefaultExemplar() },
	"looc":     func() methods.Method { return contrastive.DefaultLooC() },
	"tcl":      func() methods.Method { return contrastive.DefaultTCL() },
	"tcn":      func() methods.Method { return contrastive.DefaultTCN() },
}

var distillationFamily = family{
	"byol":           func() methods.Method { return distillation.DefaultBYOL() },
	"deepcluster_v2": func() methods.Method { return distillation.DefaultDeepClusterV2() },
	"dino":           func() methods.Method { return distillation.DefaultDINO() },
	"directpred":     func() methods.Method { return distillation.DefaultDirectPred() },
	"simsiam":        func() methods.Method { return distillation.DefaultSimSiam() },

	// clusters made from the features
	"deepcluster": func() methods.Method { return distillation.DefaultDeepCluster() },
	"mmc":         func() methods.Method { return distillation.DefaultMMC() },
	"nat":         func() methods.Method { return distillation.DefaultNAT() },
	"sela":        func() methods.Method { return distillation.DefaultSeLa() },

	// few labels
	"mean_teacher": func() methods.Method { return distillation.DefaultMeanTeacher() },
	"mixmatch":     func() methods.Method { return distillation.DefaultMixMatch() },
	"pseudo_label": func() methods.Method { return distillation.DefaultPseudoLabel() },
	"vat":          func() methods.Method { return distillation.DefaultVAT() },

	// masked views, and a student of a trained teacher
	"distill": func() methods.Method { return distillation.DefaultDistill() },
	"dinov2":  func() methods.Method { return distillation.DefaultDINOv2() },
	"ibot":    func() methods.Method { return distillation.DefaultIBOT() },
	"msn":     func() methods.Method { return distillation.DefaultMSN() },
	"pmsn":    func() methods.Method { return distillation.DefaultPMSN() },
}

var correlationFamily = family{
	"barlow_twins": func() methods.Method { return correlation.DefaultBarlowTwins() },
	"emp_ssl":      func() methods.Method { return correlation.DefaultEMPSSL() },
	"frossl":       func() methods.Method { return correlation.DefaultFroSSL() },
	"lejepa":       func() methods.Method { return correlation.DefaultLeJEPA() },
	"mmcr":         func() methods.Method { return correlation.DefaultMMCR() },
	"swav":         func() methods.Method { return correlation.DefaultSwAV() },
	"tico":         func() methods.Method { return correlation.DefaultTiCo() },
	"vibcreg":      func() methods.Method { return correlation.DefaultVIbCReg() },
	"vicreg":       func() methods.Method { return correlation.DefaultVICReg() },
	"vicreg_ctr":   func() methods.Method { return correlation.DefaultVICRegCtr() },
	"vicreg_exp":   func() methods.Method { return correlation.DefaultVICRegExp() },
	"wmse":         func() methods.Method { return correlation.DefaultWMSE() },

	// two encoders
	"dcca":  func() methods.Method { return correlation.DefaultDCCA() },
	"dccae": func() methods.Method { return correlation.DefaultDCCAE() },
	// views chosen by labels
	"oracle_views": func() methods.Method { return correlation.DefaultOracleViews() },
}

var maskedFamily = family{
	"mae": func() methods.Method { return masked.DefaultMAE() },

	// mask tokens among all tokens
	"maskfeat":         func() methods.Method { return masked.DefaultMaskFeat() },
	"patch_prediction": func() methods.Method { return masked.DefaultPatchPrediction() },
	"simmim":           func() methods.Method { return masked.DefaultSimMIM() },

	// of convolutions and pyramids
	"fcmae":  func() methods.Method { return masked.DefaultFCMAE() },
	"um_mae": func() methods.Method { return masked.DefaultUMMAE() },

	// latent targets
	"data2vec":  func() methods.Method { return masked.DefaultData2Vec() },
	"data2vec2": func() methods.Method { return masked.DefaultData2Vec2() },
	"ijepa":     func() methods.Method { return masked.DefaultIJEPA() },

	// tokenizers, and what learns from them and from trained teachers
	"beit":  func() methods.Method { return masked.DefaultBEiT() },
	"dbot":  func() methods.Method { return masked.DefaultDBOT() },
	"dvae":  func() methods.Method { return masked.DefaultDVAE() },
	"eva":   func() methods.Method { return masked.DefaultEVA() },
	"vqkd":  func() methods.Method { return masked.DefaultVQKD() },
	"vqvae": func() methods.Method { return masked.DefaultVQVAE() },

	// images that are made, whole or in part
	"aim":             func() methods.Method { return masked.DefaultAIM() },
	"context_encoder": func() methods.Method { return masked.DefaultContextEncoder() },
	"igpt":            func() methods.Method { return masked.DefaultIGPT() },
	"maskgit":         func() methods.Method { return masked.DefaultMaskGIT() },
	"muse":            func() methods.Method { return masked.DefaultMuse() },
}

var equivariantFamily = family{
	"augself": func() methods.Method { return equivariant.DefaultAugSelf() },
	"sie":     func() methods.Method { return equivariant.DefaultSIE() },

	"equimod":   func() methods.Method { return equivariant.DefaultEquiMod() },
	"essl":      func() methods.Method { return equivariant.DefaultESSL() },
	"lie_group": func() methods.Method { return equivariant.DefaultLieGroup() },
	"sen":       func() methods.Method { return equivariant.DefaultSEN() },
}

var denseFamily = family{
	"capi":      func() methods.Method { return dense.DefaultCAPI() },
	"densecl":   func() methods.Method { return dense.DefaultDenseCL() },
	"insloc":    func() methods.Method { return dense.DefaultInsLoc() },
	"leopart":   func() methods.Method { return dense.DefaultLeopart() },
	"selfpatch": func() methods.Method { return dense.DefaultSelfPatch() },
	"vicregl":   func() methods.Method { return dense.DefaultVICRegL() },

	// detectors
	"detr":   func() methods.Method { return dense.DefaultDETR() },
	"detreg": func() methods.Method { return dense.DefaultDETReg() },
	"updetr": func() methods.Method { return dense.DefaultUPDETR() },
}

var crossmodalFamily = family{
	"align":           func() methods.Method { return crossmodal.DefaultALIGN() },
	"clip":            func() methods.Method { return crossmodal.DefaultCLIP() },
	"language_guided": func() methods.Method { return crossmodal.DefaultLanguageGuided() },
	"siglip":          func() methods.Method { return crossmodal.DefaultSigLIP() },
	"slip":            func() methods.Method { return crossmodal.DefaultSLIP() },
}

var tabularFamily = family{
	"contrast_restore": func() methods.Method { return tabular.DefaultContrastRestore() },
	"met":              func() methods.Method { return tabular.DefaultMET() },
	"saint":            func() methods.Method { return tabular.DefaultSAINT() },
	"scarf":            func() methods.Method { return tabular.DefaultSCARF() },
	"subtab":           func() methods.Method { return tabular.DefaultSubTab() },
	"swap_noise":       func() methods.Method { return tabular.DefaultSwapNoise() },
	"tabbie":           func() methods.Method { return tabular.DefaultTABBIE() },
	"target_aware":     func() methods.Method { return tabular.DefaultTargetAware() },
	"vime":             func() methods.Method { return tabular.DefaultVIME() },
	"vime_semi":        func() methods.Method { return tabular.DefaultVIMESemi() },
}

var textFamily = family{
	"bart":     func() methods.Method { return text.DefaultBART() },
	"bert":     func() methods.Method { return text.DefaultBERT() },
	"coco_lm":  func() methods.Method { return text.DefaultCOCOLM() },
	"declutr":  func() methods.Method { return text.DefaultDeCLUTR() },
	"electra":  func() methods.Method { return text.DefaultELECTRA() },
	"gpt":      func() methods.Method { return text.DefaultGPT() },
	"mlm":      func() methods.Method { return text.DefaultMLM() },
	"simcse":   func() methods.Method { return text.DefaultSimCSE() },
	"spelling": func() methods.Method { return text.DefaultSpelling() },
	"t5":       func() methods.Method { return text.DefaultT5() },
	"ul2":      func() methods.Method { return text.DefaultUL2() },
	"word2vec": func() methods.Method { return text.DefaultWord2Vec() },
}

var audioFamily = family{
	"cpc": func() methods.Method { return audio.DefaultCPC() },

	// steps of waves that are hidden
	"data2vec_audio": func() methods.Method { return audio.DefaultData2Vec() },
	"hubert":         func() methods.Method { return audio.DefaultHuBERT() },
	"wav2vec2":       func() methods.Method { return audio.DefaultWav2Vec2() },

	// of spectrograms
	"audio_mae": func() methods.Method { return audio.DefaultMAE() },
	"byol_a":    func() methods.Method { return audio.DefaultBYOLA() },
	"cola":      func() methods.Method { return audio.DefaultCOLA() },
}

var videoFamily = family{
	// masked clips
	"mae_st":   func() methods.Method { return video.DefaultMAEST() },
	"videomae": func() methods.Method { return video.DefaultVideoMAE() },

	// of order and speed
	"opn":           func() methods.Method { return video.DefaultOPN() },
	"pace":          func() methods.Method { return video.DefaultPace() },
	"shuffle_learn": func() methods.Method { return video.DefaultShuffleLearn() },
	"speednet":      func() methods.Method { return video.DefaultSpeedNet() },

	// of clips and their sounds
	"av_contrast": func() methods.Method { return video.DefaultAVContrast() },
	"avc":         func() methods.Method { return video.DefaultAVC() },

	"ambient_sound": func() methods.Method { return video.DefaultAmbientSound() },

	// of what moves, and how far away it is
	"ego_motion":     func() methods.Method { return video.DefaultEgoMotion() },
	"monodepth":      func() methods.Method { return video.DefaultMonoDepth() },
	"moving_objects": func() methods.Method { return video.DefaultMovingObjects() },
}

var controlFamily = family{
	// learners that act
	"dqn": func() methods.Method { return control.DefaultDQN() },
	"sac": func() methods.Method { return control.DefaultSAC() },

	// beside a learner, or before it
	"atc":              func() methods.Method { return control.DefaultATC() },
	"barlow_balance":   func() methods.Method { return control.DefaultBarlowBalance() },
	"contrastive_goal": func() methods.Method { return control.DefaultContrastiveGoal() },
	"curl":             func() methods.Method { return control.DefaultCURL() },
	"dbc":              func() methods.Method { return control.DefaultDBC() },
	"efficient_zero":   func() methods.Method { return control.DefaultEfficientZero() },
	"forward_backward": func() methods.Method { return control.DefaultForwardBackward() },
	"laplacian":        func() methods.Method { return control.DefaultLaplacian() },
	"r3m":              func() methods.Method { return control.DefaultR3M() },
	"sgi":              func() methods.Method { return control.DefaultSGI() },
	"spr":              func() methods.Method { return control.DefaultSPR() },
	"vip":              func() methods.Method { return control.DefaultVIP() },

	// curious ones
	"apt":          func() methods.Method { return control.DefaultAPT() },
	"byol_explore": func() methods.Method { return control.DefaultBYOLExplore() },
	"icm":          func() methods.Method { return control.DefaultICM() },
	"proto_rl":     func() methods.Method { return control.DefaultProtoRL() },
	"rnd":          func() methods.Method { return control.DefaultRND() },
}
